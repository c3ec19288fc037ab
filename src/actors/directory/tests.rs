use core::time::Duration;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::actors::edges::{DiskFault, Record, Table};
use crate::crypto::identity::SecretIdentity;
use crate::proto::codec;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::Digest;
use crate::proto::limits::{LOOKUP_PAGE_ENTRIES, NAME_MAX_BYTES};
use crate::proto::packet::{DirectoryEntry, ErrandKind, LoadReport, LookupKind};
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

fn config(peers: &[u8]) -> Config {
    let peers = peers.iter().copied().map(NodeId).collect();
    Config::lan(NodeId(1), peers, calendar())
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

#[test]
fn a_name_belongs_to_the_first_who_shows_a_key_for_it() {
    let mut rig = Rig::alone();
    assert_eq!(rig.here(1, "alice"), Some(NameAnswer::Yours));
    assert_eq!(rig.here(1, "alice"), Some(NameAnswer::Yours));
    assert_eq!(rig.here(2, "alice"), Some(NameAnswer::Taken));
    assert_eq!(rig.here(2, "bob"), Some(NameAnswer::Yours));
    assert_eq!(rig.find("alice").unwrap().identity, *user(1).public());
}

#[test]
fn a_name_survives_a_restart() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    let digest = rig.directory.digest;
    let mut rig = rig.restarted();
    assert_eq!(rig.directory.digest, digest);
    assert_eq!(rig.here(2, "alice"), Some(NameAnswer::Taken));
    let entry = rig.find("alice").unwrap();
    assert_eq!(entry.identity, *user(1).public());
    assert_eq!((entry.address, entry.last_seen), (None, TODAY));
    assert_eq!(rig.here(1, "alice"), Some(NameAnswer::Yours));
}

#[test]
fn rows_that_are_no_claims_are_ignored_and_left() {
    let good = claim(1, "alice", 5, 1).row();
    let mut rows = Rows::new();
    rows.insert(vec![1, 2], Bytes::from_static(b"?"));
    rows.insert(vec![3; 32], good.value.clone().unwrap());
    rows.insert(good.key, good.value.unwrap());
    let mut rig = Rig::from_rows(config(&[]), rows);
    assert_eq!(rig.directory.register.count(), 1);
    assert!(rig.find("alice").is_some());
    assert_eq!(rig.rows.len(), 3);
}

#[test]
fn a_name_is_somebody_s_only_once_it_is_durable() {
    let mut rig = Rig::alone();
    rig.disk_answers = false;
    assert_eq!(rig.here(1, "alice"), None);
    // Meanwhile nobody is told anything, neither the same user nor another.
    assert_eq!(rig.here(1, "alice"), None);
    assert_eq!(rig.here(2, "alice"), None);
    assert_eq!(rig.find("alice"), None);
    rig.disk_answers = true;
    rig.pass(3_000);
    let yours = here_answer(id(1), 1, NameAnswer::Yours);
    assert_eq!(rig.said(), vec![yours]);
    assert_eq!(rig.here(2, "alice"), Some(NameAnswer::Taken));
}

#[test]
fn a_failed_write_binds_nothing_and_the_next_sign_of_presence_tries_again() {
    let mut rig = Rig::alone();
    rig.disk_works = false;
    assert_eq!(rig.here(1, "alice"), None);
    assert_eq!(rig.find("alice"), None);
    rig.disk_works = true;
    assert_eq!(rig.here(1, "alice"), Some(NameAnswer::Yours));
}

#[test]
fn a_write_without_an_answer_may_be_on_disk_whatever_the_repetition_says() {
    let mut rig = Rig::alone();
    rig.disk_answers = false;
    assert_eq!(rig.here(1, "alice"), None);
    assert_eq!(rig.rows.len(), 1);
    (rig.disk_answers, rig.disk_works) = (true, false);
    rig.pass(60_000);
    // Were the name free here, its new holder would lose it to the row at the next start.
    assert_eq!(rig.here(2, "alice"), None);
    rig.disk_works = true;
    rig.pass(3_000);
    let yours = here_answer(id(1), 1, NameAnswer::Yours);
    assert_eq!(rig.said(), vec![yours]);
    assert_eq!(rig.here(2, "alice"), Some(NameAnswer::Taken));
    let mut rig = rig.restarted();
    assert_eq!(rig.find("alice").unwrap().identity, *user(1).public());
}

#[test]
fn a_new_name_replaces_the_old_one_and_frees_it() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    assert_eq!(rig.here(1, "alicia"), Some(NameAnswer::Yours));
    assert_eq!(rig.find("alice"), None);
    assert_eq!(rig.rows.len(), 1);
    assert_eq!(rig.here(2, "alice"), Some(NameAnswer::Yours));
    // A name that is refused costs nobody the one they have.
    assert_eq!(rig.here(2, "alicia"), Some(NameAnswer::Taken));
    assert_eq!(rig.find("alice").unwrap().identity, *user(2).public());
    let mut rig = rig.restarted();
    assert_eq!(rig.find("alicia").unwrap().identity, *user(1).public());
}

#[test]
fn names_have_letters_digits_and_three_signs() {
    let longest = "x".repeat(NAME_MAX_BYTES);
    let too_long = "x".repeat(NAME_MAX_BYTES + 1);
    for name in ["a", "Zo\u{eb}-9_x.y", "-", "7", &longest] {
        assert!(register::is_valid(name), "{name}");
    }
    for name in [
        "", ".", ".a", "@a", "a@b", "a b", "a/b", "a\n", "*", &too_long,
    ] {
        assert!(!register::is_valid(name), "{name}");
    }
    let mut rig = Rig::alone();
    assert_eq!(rig.here(1, "@alice"), Some(NameAnswer::Invalid));
    assert!(rig.rows.is_empty());
}

#[test]
fn a_full_directory_takes_no_new_names() {
    let config = Config {
        names_max: 2,
        ..config(&[])
    };
    let mut rig = Rig::new(config);
    rig.here(1, "a");
    rig.here(2, "b");
    rig.wish(1, ErrandKind::Leave);
    // There is room to be present again, but none for a name.
    assert_eq!(rig.here(3, "c"), Some(NameAnswer::Taken));
    assert_eq!(rig.here(2, "d"), Some(NameAnswer::Yours));
    // Everybody remembered is online: the next one is not heard.
    assert_eq!(rig.here(4, "e"), None);
}

#[test]
fn an_errand_counts_once_and_in_order_and_only_if_signed() {
    let mut rig = Rig::alone();
    let first = rig.errand(1, ErrandKind::FetchMail);
    let second = rig.errand(1, ErrandKind::FetchMail);
    let fetch = Output::FetchMail(id(1));
    let forged = Errand {
        kind: ErrandKind::Leave,
        ..second.clone()
    };
    assert_eq!(rig.arrives(1, forged), vec![]);
    assert_eq!(rig.arrives(1, second.clone()), vec![fetch.clone()]);
    assert_eq!(rig.arrives(1, second), vec![]);
    assert_eq!(rig.arrives(1, first), vec![]);
    // Another user's numbers are their own; a later start counts from one again.
    let next = user(1).errand(WallTime(TODAY.0 + 1), 1, ErrandKind::FetchMail);
    assert_eq!(rig.arrives(1, next), vec![fetch]);
}

#[test]
fn an_errand_from_more_than_a_day_ahead_is_refused() {
    const DAY_MS: u64 = 86_400_000;
    let mut rig = Rig::alone();
    let errand = |ahead_ms| {
        let epoch = WallTime(TODAY.0 + ahead_ms);
        user(1).errand(epoch, 1, ErrandKind::FetchMail)
    };
    assert_eq!(rig.arrives(1, errand(DAY_MS + 1)), vec![]);
    assert_eq!(rig.arrives(1, errand(u64::MAX - TODAY.0)), vec![]);
    assert_eq!(rig.arrives(1, errand(DAY_MS)).len(), 1);
}

#[test]
fn an_old_errand_does_not_bring_an_old_name_back_after_a_restart() {
    let mut rig = Rig::alone();
    let old = rig.errand(1, here("alice"));
    rig.arrives(1, old.clone());
    rig.here(1, "alicia");
    let mut rig = rig.restarted();
    assert_eq!(rig.arrives(1, old), vec![]);
    assert_eq!(rig.find("alice"), None);
}

#[test]
fn mail_errands_are_handed_on() {
    let mut rig = Rig::alone();
    let letters = vec![LetterId([3; 16])];
    let ack = rig.wish(1, ErrandKind::AckMail(letters.clone()));
    let user = user(1).user_id();
    assert_eq!(ack, vec![Output::AckMail { user, letters }]);
}

#[test]
fn presence_ends_by_silence_and_by_leaving() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    rig.here(2, "bob");
    assert!(rig.is_online(1) && rig.is_online(2));
    rig.pass(5_000);
    rig.here(1, "alice");
    rig.pass(u64::from(TTL_MS) - 5_000);
    assert!(rig.is_online(1) && !rig.is_online(2));
    assert_eq!(rig.find("bob").unwrap().last_seen, TODAY);
    rig.said.clear();
    let errand = rig.errand(1, ErrandKind::Leave);
    rig.give(carried(errand, address(1)));
    let digest = rig.directory.digest;
    let state = Output::State {
        digest,
        caught_up: true,
        online: 0,
    };
    assert_eq!(std::mem::take(&mut rig.said), vec![state]);
    assert!(!rig.is_online(1));
}

#[test]
fn nobody_is_believed_present_for_longer_than_the_limit() {
    let mut rig = Rig::alone();
    let name = "alice".to_owned();
    rig.wish(
        1,
        ErrandKind::Here {
            name,
            ttl_ms: u32::MAX,
        },
    );
    rig.pass(29_999);
    assert!(rig.is_online(1));
    rig.pass(1);
    assert!(!rig.is_online(1));
}

#[test]
fn the_address_is_where_the_last_sign_of_presence_came_from() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    let errand = rig.errand(1, here("alice"));
    rig.arrives(7, errand);
    assert_eq!(rig.find("alice").unwrap().address, Some(address(7)));
    // Other errands say nothing of where to find their user.
    let errand = rig.errand(1, ErrandKind::FetchMail);
    rig.arrives(8, errand);
    assert_eq!(rig.find("alice").unwrap().address, Some(address(7)));
}

#[test]
fn an_errand_that_somebody_else_carries_is_dropped() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    let errand = rig.errand(1, ErrandKind::Leave);
    rig.give(Input::ErrandArrived {
        client: id(2),
        at: address(1),
        errand: errand.clone(),
    });
    assert!(rig.is_online(1));
    rig.arrives(1, errand);
    assert!(!rig.is_online(1), "nor does its number count");
}

fn pings(said: &[Output], to: u8) -> Vec<u64> {
    let nonces = said.iter().map(|output| match output {
        Output::Send {
            to: at,
            packet: Packet::Ping(nonce),
        } if *at == id(to) => *nonce,
        other => panic!("unexpected {other:?}"),
    });
    nonces.collect()
}

#[test]
fn a_user_reported_missing_is_asked_three_times_and_then_offline() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    let missing = ErrandKind::Missing(user(1).user_id());
    let mut said = rig.wish(2, missing.clone());
    // More reports change nothing.
    said.extend(rig.wish(3, missing.clone()));
    assert_eq!(pings(&said, 1).len(), 1);
    rig.pass(1_499);
    assert_eq!(pings(&rig.said(), 1).len(), 2);
    assert!(rig.is_online(1));
    rig.pass(1);
    assert!(!rig.is_online(1));
    assert_eq!(rig.wish(2, missing), vec![], "it is known");
}

#[test]
fn a_user_who_answers_or_is_heard_stays_online() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    let missing = ErrandKind::Missing(user(1).user_id());
    let nonce = pings(&rig.wish(2, missing.clone()), 1)[0];
    let pong = |client, nonce| Input::PongArrived { client, nonce };
    rig.give(pong(id(2), nonce));
    rig.give(pong(id(1), nonce ^ 1));
    rig.pass(500);
    assert_eq!(pings(&rig.said(), 1).len(), 1, "those were not its answers");
    rig.give(pong(id(1), nonce));
    rig.pass(2_000);
    assert_eq!(rig.said(), vec![]);
    assert!(rig.is_online(1));
    assert_ne!(pings(&rig.wish(2, missing), 1)[0], nonce);
    rig.here(1, "alice");
    rig.pass(2_000);
    assert!(rig.is_online(1));
}

#[test]
fn lookups_find_by_name_by_user_and_page_by_page() {
    let mut rig = Rig::alone();
    let count = LOOKUP_PAGE_ENTRIES + 2;
    for number in (1..=count).rev() {
        rig.here(u8::try_from(number).unwrap(), &format!("user{number:02}"));
    }
    assert_eq!(rig.find("user03").unwrap().identity, *user(3).public());
    assert_eq!(rig.find("user"), None);
    let id = user(4).user_id();
    let (by_id, _) = rig.look_up(LookupKind::User(id)).unwrap();
    assert_eq!(by_id[0].name, "user04");
    let mut names = Vec::new();
    for expected_more in [true, false] {
        let last = names.last().cloned().unwrap_or_default();
        let (page, more) = rig.look_up(LookupKind::After(last)).unwrap();
        assert_eq!(more, expected_more);
        assert!(page.len() <= LOOKUP_PAGE_ENTRIES);
        names.extend(page.into_iter().map(|entry| entry.name));
    }
    let all: Vec<String> = (1..=count).map(|n| format!("user{n:02}")).collect();
    assert_eq!(names, all);
}

#[test]
fn a_full_page_that_is_the_last_says_so_and_fits_a_datagram() {
    let mut rig = Rig::alone();
    for number in 1..=u8::try_from(LOOKUP_PAGE_ENTRIES).unwrap() {
        let name = format!("{number}{}", "x".repeat(NAME_MAX_BYTES - 1));
        let errand = rig.errand(number, here(&name));
        rig.give(carried(errand, "[2001:db8::1]:65535".parse().unwrap()));
    }
    rig.said();
    let (entries, more) = rig.look_up(LookupKind::After(String::new())).unwrap();
    assert_eq!((entries.len(), more), (LOOKUP_PAGE_ENTRIES, false));
    let nonce = u64::MAX;
    let answer = crate::proto::packet::LookupAnswer {
        nonce,
        entries,
        more,
    };
    assert!(codec::encode_packet(&Packet::LookupAnswer(answer)).is_ok());
}

#[test]
fn while_it_catches_up_it_records_presence_and_answers_nothing() {
    let mut rig = Rig::new(config(&[2, 3]));
    assert!(!rig.caught_up());
    let asked = [2, 3].map(|node| Output::AskState(NodeId(node)));
    assert_eq!(rig.said(), asked);
    assert_eq!(rig.here(1, "alice"), None);
    assert_eq!(rig.look_up(LookupKind::Name("alice".into())), None);
    assert!(rig.rows.is_empty());
    rig.hears(9, told(vec![]));
    rig.hears(2, Bytes::from_static(b"?!"));
    assert!(!rig.caught_up());
    rig.hears(2, told(vec![claim(1, "alice", 5, 0)]));
    assert!(rig.caught_up());
    assert!(rig.is_online(1));
    assert_eq!(rig.here(1, "alice"), Some(NameAnswer::Yours));
}

#[test]
fn a_merged_state_counts_only_when_its_names_are_durable() {
    let mut rig = Rig::new(config(&[2, 3]));
    rig.disk_works = false;
    rig.hears(2, told(vec![claim(1, "alice", 5, 1)]));
    assert!(!rig.caught_up());
    assert_eq!(rig.directory.register.count(), 0);
    rig.disk_works = true;
    rig.hears(2, told(vec![claim(1, "alice", 5, 1)]));
    assert!(rig.caught_up());
    assert_eq!(rig.rows.len(), 1);
}

#[test]
fn servers_that_start_at_once_tell_each_other_what_they_have_on_disk() {
    let mut rig = Rig::new(config(&[2, 3]));
    rig.hears(2, told(vec![claim(1, "alice", 5, 1)]));
    let mut rig = rig.restarted();
    assert!(!rig.caught_up());
    let state = rig.state();
    let mut other = Rig::new(config(&[2, 3]));
    other.hears(2, state);
    assert!(other.caught_up());
    assert_eq!(other.find("alice").unwrap().identity, *user(1).public());
}

#[test]
fn after_silence_it_catches_up_again() {
    let mut rig = Rig::new(config(&[2, 3]));
    rig.hears(2, told(vec![]));
    assert!(rig.caught_up());
    rig.give(Input::Resumed);
    assert!(!rig.caught_up());
    assert!(rig.said().contains(&Output::AskState(NodeId(2))));
    rig.view(&[(2, true, None), (3, false, None)]);
    rig.pass(1_000);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(2))]);
    rig.hears(2, told(vec![]));
    assert!(rig.caught_up());
}

#[test]
fn a_lasting_difference_of_names_is_asked_for_and_not_too_often() {
    let (mut rig, _) = pair();
    let same = rig.directory.digest;
    rig.view(&[(2, true, Some(same))]);
    rig.pass(10_000);
    assert_eq!(rig.said(), vec![]);
    rig.view(&[(2, true, Some(same ^ 1))]);
    rig.pass(1_499);
    assert_eq!(rig.said(), vec![]);
    rig.pass(1);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(2))]);
    rig.pass(2_999);
    assert_eq!(rig.said(), vec![]);
    rig.pass(1);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(2))]);
}

#[test]
fn of_two_who_claim_one_name_the_earlier_holds_it_and_the_other_waits() {
    let (mut one, mut other) = pair();
    assert_eq!(one.here(1, "sam"), Some(NameAnswer::Yours));
    other.pass(1_000);
    assert_eq!(other.here(2, "sam"), Some(NameAnswer::Yours));
    let (first, second) = (one.state(), other.state());
    one.hears(2, second);
    other.hears(2, first);
    assert_eq!(one.directory.digest, other.directory.digest);
    for rig in [&mut one, &mut other] {
        rig.sequence = 100;
        assert_eq!(rig.find("sam").unwrap().identity, *user(1).public());
        assert_eq!(rig.here(2, "sam"), Some(NameAnswer::Taken));
        let (by_id, _) = rig.look_up(LookupKind::User(user(2).user_id())).unwrap();
        assert_eq!(by_id, vec![], "only holders are listed");
        assert_eq!(rig.here(1, "samuel"), Some(NameAnswer::Yours));
        assert_eq!(rig.find("sam").unwrap().identity, *user(2).public());
    }
}

#[test]
fn of_claims_as_old_as_each_other_the_smaller_user_id_holds_the_name() {
    let mut register = Register::default();
    let (a, b) = (user(1).user_id(), user(2).user_id());
    register.take(claim(1, "sam", 5, 1));
    register.take(claim(2, "sam", 5, 1));
    assert_eq!(register.holder("sam"), Some(a.min(b)));
}

#[test]
fn a_merge_takes_no_invalid_names_and_no_more_than_may_be_kept() {
    let config = Config {
        names_max: 2,
        ..config(&[2])
    };
    let mut rig = Rig::new(config);
    let mut claims = vec![claim(1, "@x", 5, 1)];
    claims.extend((2..6).map(|number| claim(number, &format!("u{number}"), 5, 1)));
    rig.hears(2, told(claims));
    assert_eq!(rig.directory.register.count(), 2);
    assert_eq!(rig.rows.len(), 2);
    rig.hears(2, told(vec![claim(2, "new", 6, 2)]));
    assert!(rig.find("new").is_some(), "a known user may change");
}

#[test]
fn presence_travels_with_the_state_and_the_newer_counts() {
    let (mut one, mut other) = pair();
    one.here(1, "alice");
    one.here(2, "bob");
    let state = one.state();
    other.hears(2, state.clone());
    assert_eq!(other.find("alice").unwrap().address, Some(address(1)));
    other.sequence = 10;
    other.wish(1, ErrandKind::Leave);
    other.hears(2, state);
    assert!(!other.is_online(1), "the older state does not undo it");
    let state = other.state();
    one.hears(2, state);
    assert!(!one.is_online(1));
    assert!(one.is_online(2));
    // What was told is believed no longer than its first hearer would.
    other.pass(u64::from(TTL_MS));
    assert!(!other.is_online(2));
}

#[test]
fn an_errand_that_another_server_has_heard_is_old_here_too() {
    let (mut one, mut other) = pair();
    let errand = one.errand(1, ErrandKind::Leave);
    one.arrives(1, errand.clone());
    let state = one.state();
    other.hears(2, state);
    other.arrives(1, errand);
    let later = user(1).errand(TODAY, 2, ErrandKind::FetchMail);
    assert_eq!(other.arrives(1, later).len(), 1);
}

#[test]
fn a_claim_that_waits_for_the_disk_and_a_merge_end_alike_in_memory_and_on_disk() {
    let (mut rig, _) = pair();
    rig.disk_answers = false;
    rig.here(9, "first");
    // Both wait behind the first; the merge knows an older claim of the same user.
    rig.sequence = 20;
    rig.here(1, "new");
    let claims = vec![claim(1, "old", 5, 3), claim(2, "new", 4, 1)];
    rig.hears(2, told(claims));
    rig.disk_answers = true;
    rig.pass(3_000);
    let answers = [
        here_answer(id(9), 1, NameAnswer::Yours),
        here_answer(id(1), 21, NameAnswer::Taken),
    ];
    assert_eq!(rig.said(), answers);
    let digest = rig.directory.digest;
    assert_eq!(rig.find("new").unwrap().identity, *user(2).public());
    assert_eq!(rig.find("old"), None);
    let rig = rig.restarted();
    assert_eq!(rig.directory.digest, digest);
}

#[test]
fn the_largest_directory_fits_one_message_and_decodes() {
    let long = "x".repeat(NAME_MAX_BYTES);
    for count in [1, 10, 100, 10_000] {
        let mut rig = Rig::new(config(&[2]));
        let identity = |number: usize| PublicIdentity {
            sign: Digest::of(&number.to_le_bytes()).0,
            seal: [0; 32],
        };
        for number in 0..count {
            let identity = identity(number);
            rig.directory.register.take(Claim {
                identity,
                ..claim(1, &long, u64::MAX, u64::MAX)
            });
            let user = identity.user_id();
            let number = (TODAY, u64::MAX);
            assert!(rig.directory.online.heard(user, number, TODAY));
            let until = Moment::from_millis(50_000);
            rig.directory.online.arrive(user, number, address(1), until);
        }
        let state = rig.state();
        assert!(state.len() < crate::proto::limits::MESSAGE_MAX_BYTES / 8);
        let mut other = Rig::new(config(&[2]));
        other.hears(2, state);
        assert_eq!(other.directory.register.count(), count);
        assert_eq!(other.directory.online.count(), count);
    }
}

fn any_claim() -> impl Strategy<Value = Claim> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c")];
    // One errand claims one name, so its number decides the name here.
    (1_u8..5, name, 0_u64..4, 0_u64..3).prop_map(|(number, name, at, sequence)| {
        let order = sequence * 3 + u64::from(name.as_bytes()[0] - b'a');
        claim(number, name, at, order)
    })
}

fn register_of(claims: &[Claim]) -> Register {
    let mut register = Register::default();
    for claim in claims {
        register.take(claim.clone());
    }
    register
}

fn merged(into: &Register, from: &Register) -> Register {
    let mut register = register_of(&into.claims().cloned().collect::<Vec<_>>());
    for claim in from.claims() {
        register.take(claim.clone());
    }
    register
}

proptest! {
    #[test]
    fn joining_is_commutative_and_idempotent(
        ours in prop::collection::vec(any_claim(), 0..12),
        theirs in prop::collection::vec(any_claim(), 0..12),
    ) {
        let (ours, theirs) = (register_of(&ours), register_of(&theirs));
        let both = merged(&ours, &theirs);
        prop_assert_eq!(both.digest(), merged(&theirs, &ours).digest());
        prop_assert_eq!(both.digest(), merged(&both, &ours).digest());
        prop_assert_eq!(both.digest(), merged(&theirs, &both).digest());
        for name in ["a", "b", "c"] {
            prop_assert_eq!(both.holder(name), merged(&theirs, &ours).holder(name));
        }
    }

    #[test]
    fn exchanging_makes_all_servers_the_same(
        one in prop::collection::vec(any_claim(), 0..12),
        two in prop::collection::vec(any_claim(), 0..12),
        three in prop::collection::vec(any_claim(), 0..12),
    ) {
        let mut servers = [one, two, three].map(|claims| register_of(&claims));
        for _ in 0..2 {
            for (to, from) in [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)] {
                servers[to] = merged(&servers[to], &servers[from]);
            }
        }
        prop_assert_eq!(servers[0].digest(), servers[1].digest());
        prop_assert_eq!(servers[1].digest(), servers[2].digest());
    }

    #[test]
    fn the_index_of_names_agrees_with_the_claims(
        claims in prop::collection::vec(any_claim(), 0..30),
    ) {
        let register = register_of(&claims);
        for name in ["a", "b", "c"] {
            let claimants = register.claims().filter(|claim| claim.name == name);
            let first = claimants
                .map(|claim| (claim.registered_at, claim.identity.user_id()))
                .min();
            prop_assert_eq!(register.holder(name), first.map(|(_, user)| user));
        }
    }

    #[test]
    fn states_of_random_bytes_never_panic(state in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut rig = Rig::new(config(&[2]));
        rig.hears(2, state.into());
    }
}
