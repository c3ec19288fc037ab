mod arriving;
mod bounds;
mod passes;
pub(crate) mod planted;
mod posting;
mod refused;
mod view;

use super::*;
use crate::actors::edges::{DiskFault, Table};
use crate::crypto::letters;
use crate::proto::codec;
use crate::proto::control::Reason;
use crate::proto::ids::{AskId, GrantId};
use crate::proto::lease::{Adjust, Change};
use crate::proto::letter::{ImageAsk, ImageRef, Letter};
use crate::proto::limits::{ERRAND_ACKS, LETTER_MAX_BYTES};

const SERVERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

/// A courier, its clock, and a disk that the test may break.
struct Rig {
    courier: Courier,
    now: Moment,
    disk_works: bool,
    rows: BTreeMap<(Table, Vec<u8>), Bytes>,
    posts: u64,
}

impl Rig {
    fn new(config: Config) -> Self {
        Self::with_rows(config, BTreeMap::new())
    }

    fn with_rows(config: Config, rows: BTreeMap<(Table, Vec<u8>), Bytes>) -> Self {
        let of = |wanted: Table| -> Vec<Row> {
            rows.iter()
                .filter(|((table, _), _)| *table == wanted)
                .map(|((_, key), value)| (key.clone(), value.clone()))
                .collect()
        };
        Self {
            courier: Courier::new(config, [7; 32], of(Table::Outbox), of(Table::Seen)),
            now: Moment::START,
            disk_works: true,
            rows,
            posts: 0,
        }
    }

    /// Gives an input; the disk answers at once. Disk orders are not among the outputs.
    fn give(&mut self, input: Input) -> Vec<Output> {
        let mut out = Outbox::new();
        self.courier.handle(self.now, input, &mut out);
        self.settle(out.take())
    }

    fn settle(&mut self, outputs: Vec<Output>) -> Vec<Output> {
        let mut rest = Vec::new();
        for output in outputs {
            let Output::Disk { ticket, order } = output else {
                rest.push(output);
                continue;
            };
            if self.disk_works {
                self.write(order);
                let answer = DiskAnswer::Written;
                rest.extend(self.give(Input::Disk { ticket, answer }));
            }
        }
        rest
    }

    fn write(&mut self, order: DiskOrder) {
        let DiskOrder::Write(records) = order else {
            panic!("the courier only writes rows: {order:?}");
        };
        for record in records {
            match record.value {
                Some(value) => drop(self.rows.insert((record.table, record.key), value)),
                None => drop(self.rows.remove(&(record.table, record.key))),
            }
        }
    }

    /// Lets time pass, with every deadline on its way.
    fn pass(&mut self, wait_ms: u64) -> Vec<Output> {
        let end = self.now.after(core::time::Duration::from_millis(wait_ms));
        let mut outputs = Vec::new();
        for _ in 0..100_000 {
            let Some(at) = self.courier.deadline().filter(|at| *at <= end) else {
                self.now = end;
                return outputs;
            };
            self.now = self.now.max(at);
            let mut out = Outbox::new();
            self.courier.on_deadline(self.now, &mut out);
            outputs.extend(self.settle(out.take()));
            let moved = self.courier.deadline();
            assert!(moved.is_none_or(|next| next > self.now), "stuck at {at:?}");
        }
        panic!("deadlines without end");
    }

    fn post(&mut self, note: Note) -> (Ticket, Vec<Output>) {
        self.posts += 1;
        let ticket = ticket(self.posts);
        let to = *bob().public();
        (ticket, self.give(Input::Post { ticket, to, note }))
    }

    /// Posts a note and tells whether its reader is online.
    fn post_to(&mut self, note: Note, online: bool) -> (Ticket, Vec<Output>) {
        let (ticket, outputs) = self.post(note);
        let sent = self.answer_locates(&outputs, online);
        (ticket, sent)
    }

    fn answer_locates(&mut self, outputs: &[Output], online: bool) -> Vec<Output> {
        let mut sent = Vec::new();
        for output in outputs {
            if let Output::Locate { ticket, user } = output {
                sent.extend(self.give(Input::Located {
                    ticket: *ticket,
                    user: *user,
                    online,
                    pass: None,
                }));
            }
        }
        sent
    }

    fn count(&self, table: Table) -> usize {
        self.rows.keys().filter(|(one, _)| *one == table).count()
    }
}

fn alice() -> SecretIdentity {
    SecretIdentity::from_secret([1; 32])
}

fn bob() -> SecretIdentity {
    SecretIdentity::from_secret([2; 32])
}

fn config() -> Config {
    Config::lan(alice(), SERVERS.to_vec(), Calendar::default())
}

fn ticket(number: u64) -> Ticket {
    let desk = Desk::LeaseManager;
    Ticket { desk, number }
}

fn mallory() -> SecretIdentity {
    SecretIdentity::from_secret([66; 32])
}

fn lasting(sequence: u32) -> Note {
    let adjust = Adjust {
        grant: GrantId([5; 16]),
        owner_sequence: sequence,
        change: Change::Add(1),
        at: WallTime(0),
    };
    Note::Adjust {
        adjust,
        key: [0; 32],
    }
}

fn passing() -> Note {
    Note::Gallery {
        nonce: 5,
        items: Vec::new(),
        refused: false,
    }
}

fn transfers(outputs: &[Output]) -> Vec<(Party, Cargo)> {
    let of = |output: &Output| match output {
        Output::Transfer { to, cargo, .. } => Some((*to, *cargo)),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

fn sent_letter(outputs: &[Output]) -> LetterId {
    match transfers(outputs).first() {
        Some((_, Cargo::Letter(id) | Cargo::Deposit(id))) => *id,
        _ => panic!("no letter among {outputs:?}"),
    }
}

fn posted(outputs: &[Output]) -> Vec<(Ticket, Posted)> {
    let of = |output: &Output| match output {
        Output::Posted { ticket, how } => Some((*ticket, *how)),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

fn refused(outputs: &[Output]) -> Vec<(Ticket, Reason)> {
    let of = |output: &Output| match output {
        Output::NotPosted { ticket, failure } => Some((*ticket, failure.reason)),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

fn missing(outputs: &[Output]) -> usize {
    let is = |output: &&Output| matches!(output, Output::Missing(_));
    outputs.iter().filter(is).count()
}

/// Letters handed on, and whether they came directly.
fn handed_on(outputs: &[Output]) -> Vec<(LetterId, bool)> {
    let of = |output: &Output| match output {
        Output::NoteArrived { letter, direct, .. } => Some((*letter, *direct)),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

fn confirmed(outputs: &[Output]) -> Vec<(Party, LetterId)> {
    let of = |output: &Output| match output {
        Output::Send {
            to,
            packet: Packet::LetterKept(letter),
        } => Some((*to, *letter)),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

fn acked(outputs: &[Output]) -> Vec<LetterId> {
    let of = |output: &Output| match output {
        Output::AckMail(letters) => Some(letters.clone()),
        _ => None,
    };
    outputs.iter().filter_map(of).flatten().collect()
}

fn queue(outputs: &[Output]) -> Vec<u32> {
    let of = |output: &Output| match output {
        Output::Queue(count) => Some(*count),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

/// A letter from Bob (or whoever holds `writer`) to Alice.
fn letter_from(writer: &SecretIdentity, id: u8, note: &Note) -> Letter {
    let id = LetterId([id; 16]);
    letters::seal(
        writer,
        alice().public(),
        id,
        WallTime(u64::from(id.0[0])),
        note,
        [9; 32],
    )
    .expect("seals")
}

fn arrives(letter: &Letter) -> Input {
    Input::LetterArrived {
        from: letter.from.user_id(),
        body: codec::encode(letter).into(),
    }
}

fn mail(letters: &[Letter]) -> Input {
    Input::MailArrived {
        letters: codec::encode(&letters).into(),
    }
}
