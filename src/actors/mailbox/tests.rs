mod cluster;
mod depositing;
mod fetching;
mod merging;
pub(crate) mod planted;
mod view;

use std::collections::BTreeSet;

use super::*;
use crate::actors::edges::{DiskFault, Record, Table};
use crate::crypto::identity::SecretIdentity;
use crate::crypto::letters::seal;
use crate::proto::cargo::Form;
use crate::proto::codec;
use crate::proto::ids::GrantId;
use crate::proto::letter::Note;
use crate::proto::limits::MAILBOX_LETTERS;
use crate::proto::packet::LoadReport;

use super::shelf::size_bytes;

const TODAY: WallTime = WallTime(1_700_000_000_000);
const ME: NodeId = NodeId(1);

fn alice() -> SecretIdentity {
    SecretIdentity::from_secret([1; 32])
}

fn bob() -> SecretIdentity {
    SecretIdentity::from_secret([2; 32])
}

fn calendar() -> Calendar {
    Calendar { started_at: TODAY }
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn id(number: u8) -> LetterId {
    LetterId([number; 16])
}

fn letter_of(id: LetterId, posted_at: WallTime, note: &Note) -> Letter {
    seal(&alice(), bob().public(), id, posted_at, note, [4; 32]).unwrap()
}

fn letter(number: u8) -> Letter {
    let posted_at = WallTime(TODAY.0 + u64::from(number));
    letter_of(
        id(number),
        posted_at,
        &Note::PictureAsk {
            grant: GrantId([5; 16]),
            form: Form::Delta,
        },
    )
}

fn numbered(number: usize) -> Letter {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    letter_of(
        LetterId(id),
        TODAY,
        &Note::PictureAsk {
            grant: GrantId([0; 16]),
            form: Form::Delta,
        },
    )
}

fn big_letter(number: u8, bytes: usize) -> Letter {
    let note = Note::GalleryAsk {
        nonce: 1,
        from_name: "x".repeat(bytes),
    };
    letter_of(id(number), TODAY, &note)
}

/// A mailbox, its disk, and what it said since somebody looked.
struct Rig {
    mailbox: Mailbox,
    rows: BTreeMap<(Table, Vec<u8>), Bytes>,
    said: Vec<Output>,
    now: Moment,
    disk_works: bool,
    disk_answers: bool,
}

impl Rig {
    fn new(config: Config) -> Self {
        Self::from_rows(config, BTreeMap::new())
    }

    fn alone() -> Self {
        Self::new(Config::lan(ME, vec![], calendar()))
    }

    fn of_three() -> Self {
        Self::new(Config::lan(ME, vec![NodeId(2), NodeId(3)], calendar()))
    }

    fn from_rows(config: Config, rows: BTreeMap<(Table, Vec<u8>), Bytes>) -> Self {
        let of = |table| -> Vec<Row> {
            let rows = rows.iter().filter(|((of, _), _)| *of == table);
            rows.map(|((_, key), value)| (key.clone(), value.clone()))
                .collect()
        };
        let mailbox = Mailbox::new(config, of(Table::Letters), of(Table::LetGo));
        assert_eq!(mailbox.deadline(), Some(Moment::START));
        let mut rig = Self {
            mailbox,
            rows,
            said: Vec::new(),
            now: Moment::START,
            disk_works: true,
            disk_answers: true,
        };
        rig.pass(0);
        rig
    }

    fn restarted(self) -> Self {
        Self::from_rows(self.mailbox.config.clone(), self.rows)
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
                write(&mut self.rows, &records);
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
        self.mailbox.handle(self.now, input, &mut out);
        self.take(out);
    }

    /// Lets time pass, calling all deadlines in it.
    fn pass(&mut self, millis: u64) {
        let end = self.now.after(Duration::from_millis(millis));
        while let Some(deadline) = self.mailbox.deadline().filter(|&deadline| deadline <= end) {
            self.now = self.now.max(deadline);
            let mut out = Outbox::new();
            self.mailbox.on_deadline(self.now, &mut out);
            self.take(out);
            assert!(self.mailbox.deadline() > Some(self.now), "deadline stands");
        }
        self.now = end;
    }

    fn said(&mut self) -> Vec<Output> {
        let mut said = std::mem::take(&mut self.said);
        said.retain(|output| !matches!(output, Output::State { .. }));
        said
    }

    fn deposit(&mut self, letter: &Letter) -> Vec<Output> {
        self.deposit_as(letter.id, codec::encode(letter))
    }

    fn deposit_as(&mut self, letter: LetterId, body: Vec<u8>) -> Vec<Output> {
        self.give(Input::DepositArrived {
            client: alice().user_id(),
            letter,
            body: body.into(),
        });
        self.said()
    }

    fn check(&mut self, letter: LetterId) -> Vec<Output> {
        self.give(Input::CheckArrived {
            client: alice().user_id(),
            letter,
        });
        self.said()
    }

    fn ack(&mut self, user: UserId, letters: Vec<LetterId>) {
        self.give(Input::Ack { user, letters });
    }

    fn fetch(&mut self) -> Vec<Vec<LetterId>> {
        self.give(Input::Fetch(bob().user_id()));
        let mail = self.said().into_iter().map(|output| match output {
            Output::SendMail { to, letters, .. } => {
                assert_eq!(to, bob().user_id());
                letters_in(&letters)
            }
            other => panic!("unexpected {other:?}"),
        });
        mail.collect()
    }

    fn caught_up(&mut self) -> bool {
        self.mailbox.catch_up.is_done()
    }

    /// What it would tell another server.
    fn state(&mut self) -> Bytes {
        self.now = self.now.after(Duration::from_secs(1));
        let peer = *self.mailbox.config.peers.first().unwrap();
        self.give(Input::StateAsked(peer));
        let mut states = self.said().into_iter().filter_map(|output| match output {
            Output::SendState { state, .. } => Some(state),
            _ => None,
        });
        states.next().expect("it tells")
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
                mail_digest: digest.unwrap_or(0),
                names_digest: 0,
            },
        });
        let members = members.collect();
        self.give(Input::View(members));
    }
}

fn write(rows: &mut BTreeMap<(Table, Vec<u8>), Bytes>, records: &[Record]) {
    for record in records {
        let key = (record.table, record.key.clone());
        match &record.value {
            Some(value) => rows.insert(key, value.clone()),
            None => rows.remove(&key),
        };
    }
}

fn letters_in(bytes: &Bytes) -> Vec<LetterId> {
    let letters: Vec<Letter> = codec::decode(bytes, usize::MAX).unwrap();
    letters.into_iter().map(|letter| letter.id).collect()
}

fn kept(letter: LetterId) -> Vec<Output> {
    vec![deposited(alice().user_id(), letter)]
}

fn refused(letter: LetterId, reason: DepositRefusal) -> Vec<Output> {
    vec![Output::Send {
        to: alice().user_id(),
        packet: Packet::DepositRefused { letter, reason },
    }]
}

fn told(letters: Vec<Letter>, let_go: Vec<(GoneKey, WallTime)>) -> Bytes {
    Told { letters, let_go }.encode()
}
