mod lookups;
mod merging;
mod names;
mod presence;
mod registers;

use core::time::Duration;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::actors::edges::{DiskFault, Record, Table};
use crate::crypto::identity::SecretIdentity;
use crate::crypto::passes;
use crate::proto::codec;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::Digest;
use crate::proto::limits::{LOOKUP_PAGE_ENTRIES, NAME_MAX_BYTES, PASS_MS};
use crate::proto::packet::{DirectoryEntry, ErrandKind, LoadReport, LookupKind};
use crate::proto::pass::Pass;
use crate::time::WallTime;

const TODAY: WallTime = WallTime(1_700_000_000_000);
const TTL_MS: u32 = 10_000;

fn user(number: u8) -> SecretIdentity {
    SecretIdentity::from_secret([number; 32])
}

fn id(number: u8) -> UserId {
    user(number).user_id()
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 4_000))
}

/// An errand carried by its own user, from an address.
fn carried(errand: Errand, at: SocketAddr) -> Input {
    Input::ErrandArrived {
        client: errand.user.user_id(),
        at,
        errand,
    }
}

fn calendar() -> Calendar {
    Calendar { started_at: TODAY }
}

fn server_key() -> StaticSecret {
    StaticSecret::from_bytes([77; 32])
}

fn config(peers: &[u8]) -> Config {
    let peers = peers.iter().copied().map(NodeId).collect();
    Config::lan(NodeId(1), peers, calendar(), server_key())
}

type Rows = BTreeMap<Vec<u8>, Bytes>;

/// A directory, its disk, and what it said since somebody looked.
struct Rig {
    directory: Directory,
    rows: Rows,
    said: Vec<Output>,
    now: Moment,
    sequence: u64,
    disk_works: bool,
    disk_answers: bool,
}

impl Rig {
    fn from_rows(config: Config, rows: Rows) -> Self {
        let found = rows.clone().into_iter().collect();
        let directory = Directory::new(config, [7; 32], found);
        assert_eq!(directory.deadline(), Some(Moment::START));
        let mut rig = Self {
            directory,
            rows,
            said: Vec::new(),
            now: Moment::START,
            sequence: 0,
            disk_works: true,
            disk_answers: true,
        };
        rig.pass(0);
        rig
    }

    fn new(config: Config) -> Self {
        Self::from_rows(config, Rows::new())
    }

    fn alone() -> Self {
        Self::new(config(&[]))
    }

    fn restarted(self) -> Self {
        let mut next = Self::from_rows(self.directory.config.clone(), self.rows);
        next.sequence = self.sequence;
        next
    }

    fn write(&mut self, records: &[Record]) {
        for record in records {
            assert_eq!(record.table, Table::Names);
            match &record.value {
                Some(value) => self.rows.insert(record.key.clone(), value.clone()),
                None => self.rows.remove(&record.key),
            };
        }
    }

    fn take(&mut self, mut out: Outbox<Output>) {
        for order in out.take() {
            let Output::Disk { ticket, order } = order else {
                self.said.push(order);
                continue;
            };
            let DiskOrder::Write(records) = order else {
                panic!("only rows are written");
            };
            let answer = if self.disk_works {
                self.write(&records);
                DiskAnswer::Written
            } else {
                DiskAnswer::Failed(DiskFault::Io("full".into()))
            };
            if self.disk_answers {
                self.give(Input::Disk { ticket, answer });
            }
        }
    }

    fn give(&mut self, input: Input) {
        let mut out = Outbox::new();
        self.directory.handle(self.now, input, &mut out);
        self.take(out);
    }

    fn pass(&mut self, millis: u64) {
        let end = self.now.after(Duration::from_millis(millis));
        while let Some(deadline) = self.directory.deadline().filter(|&at| at <= end) {
            self.now = self.now.max(deadline);
            let mut out = Outbox::new();
            self.directory.on_deadline(self.now, &mut out);
            self.take(out);
            let next = self.directory.deadline();
            assert!(next.is_none_or(|next| next > self.now), "deadline stands");
        }
        self.now = end;
    }

    fn said(&mut self) -> Vec<Output> {
        let mut said = std::mem::take(&mut self.said);
        said.retain(|output| !matches!(output, Output::State { .. }));
        said
    }

    fn errand(&mut self, number: u8, kind: ErrandKind) -> Errand {
        self.sequence += 1;
        user(number).errand(TODAY, self.sequence, kind)
    }

    /// An errand comes from the host of this number.
    fn arrives(&mut self, host: u8, errand: Errand) -> Vec<Output> {
        self.give(carried(errand, address(host)));
        self.said()
    }

    fn wish(&mut self, number: u8, kind: ErrandKind) -> Vec<Output> {
        let errand = self.errand(number, kind);
        self.arrives(number, errand)
    }

    /// The answer to a sign of presence under a name.
    fn here(&mut self, number: u8, name: &str) -> Option<NameAnswer> {
        let said = self.wish(number, here(name));
        let mut answers = said.into_iter().filter_map(|output| match output {
            Output::Send {
                to,
                packet: Packet::HereAnswer(answer),
            } => {
                assert_eq!(to, id(number));
                assert_eq!(answer.sequence, self.sequence);
                Some(answer.name)
            }
            Output::Present(who) => {
                assert_eq!(who, id(number));
                None
            }
            other => panic!("unexpected {other:?}"),
        });
        answers.next()
    }

    /// Who was told what of their names, in answer to which errand, and nothing else was said.
    fn told_names(&mut self) -> Vec<(UserId, u64, NameAnswer)> {
        let now = calendar().at(self.now);
        let said = self.said().into_iter().map(|output| match output {
            Output::Send {
                to,
                packet: Packet::HereAnswer(answer),
            } => {
                let HereAnswer {
                    sequence, name, at, ..
                } = answer;
                assert!((TODAY..=now).contains(&at), "{at:?}");
                (to, sequence, name)
            }
            other => panic!("unexpected {other:?}"),
        });
        said.collect()
    }

    fn look_up(&mut self, wanted: LookupKind) -> Option<(Vec<DirectoryEntry>, bool)> {
        self.give(Input::LookupArrived {
            client: id(99),
            lookup: Lookup { nonce: 5, wanted },
        });
        let said = self.said();
        match said.as_slice() {
            [] => None,
            [
                Output::Send {
                    to,
                    packet: Packet::LookupAnswer(answer),
                },
            ] => {
                assert_eq!((*to, answer.nonce), (id(99), 5));
                Some((answer.entries.clone(), answer.more))
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    fn find(&mut self, name: &str) -> Option<DirectoryEntry> {
        let (entries, more) = self.look_up(LookupKind::Name(name.into())).unwrap();
        assert!(!more);
        entries.into_iter().next()
    }

    fn is_online(&mut self, number: u8) -> bool {
        let kind = LookupKind::User(user(number).user_id());
        let (entries, _) = self.look_up(kind).unwrap();
        entries.first().unwrap().address.is_some()
    }

    fn caught_up(&self) -> bool {
        self.directory.catch_up.is_done()
    }

    /// What it tells server 2.
    fn state(&mut self) -> Bytes {
        self.pass(1_000);
        self.give(Input::StateAsked(NodeId(2)));
        let mut states = self.said().into_iter().filter_map(|output| match output {
            Output::SendState { state, .. } => Some(state),
            _ => None,
        });
        states.next().expect("it tells")
    }

    fn hears(&mut self, from: u8, state: Bytes) {
        let from = NodeId(from);
        self.give(Input::StateArrived { from, state });
        self.said();
    }

    fn view(&mut self, peers: &[(u8, bool, Option<u64>)]) {
        let members = peers.iter().map(|&(node, alive, digest)| Member {
            node: NodeId(node),
            alive,
            report: LoadReport {
                incarnation: TODAY,
                sequence: 1,
                queued: 0,
                running: 0,
                speed_milli: 1,
                caught_up: digest.is_some(),
                draining: false,
                mail_digest: 0,
                names_digest: digest.unwrap_or(0),
            },
        });
        let members = members.collect();
        self.give(Input::View(members));
    }
}

fn here(name: &str) -> ErrandKind {
    ErrandKind::Here {
        name: name.into(),
        ttl_ms: TTL_MS,
    }
}

fn claim(number: u8, name: &str, registered_at: u64, sequence: u64) -> Claim {
    Claim {
        name: name.into(),
        identity: *user(number).public(),
        registered_at: WallTime(registered_at),
        number: (TODAY, sequence),
    }
}

fn told(claims: Vec<Claim>) -> Bytes {
    let presence: Vec<online::ToldPresence> = vec![];
    codec::encode(&(claims, presence)).into()
}

/// A pair of servers that have heard of each other, with nothing known.
fn pair() -> (Rig, Rig) {
    let mut rigs = [Rig::new(config(&[2])), Rig::new(config(&[2]))];
    for rig in &mut rigs {
        rig.hears(2, told(vec![]));
        assert!(rig.caught_up());
    }
    let [one, other] = rigs;
    (one, other)
}
