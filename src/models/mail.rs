//! M5, delivery of letters: three servers with the real `mailbox`, a writer and a reader with the
//! real `courier`, each with a disk, on a network that loses, repeats, delays and reorders.
//!
//! Letters are posted, their reader is away, so they are brought to the servers; the reader comes
//! back and fetches. A deposit may arrive at a server at any time, and again, also long after its
//! letter was let go. Mail arrives when it is fetched: mail that is late is that of a server
//! that is behind. The disk of one server and that of the reader are slow, and the two may end
//! at any time, with the write under way on disk or not, and come back; the server then asks
//! the others what they know. Timers ring only when it is calm: what they would say again arrives
//! again as it is.
//!
//! Bounds: two letters and no end; one letter, and three ends of the server and of the reader.

use std::collections::BTreeSet;
use std::sync::Mutex;

use stateright::{Model, Property};

use self::kit::{AtHome, AtServer, Kit, Said};
use self::people::Wish;
use super::{Bench, explore};
use crate::planted::Bug;
use crate::planted::tests::Hunt;

mod disk;
mod kit;
mod people;
mod properties;
mod vault;

const SERVERS: usize = 3;
const MAJORITY: usize = 2;
const T0: u64 = 1_700_000_000_000;

const TWO: &str = "model of letters, two letters";
const ENDS: &str = "model of letters, ends";

pub(super) const HUNTS: &[Hunt] = &[
    Hunt::new(Bug::MailAckBeforeDisk, ENDS, ends),
    Hunt::new(Bug::MailAckBeforeQuorum, TWO, two_letters),
    Hunt::new(Bug::MailAckDropsLater, TWO, two_letters),
    Hunt::new(Bug::MailComesBack, ENDS, ends),
    Hunt::new(Bug::ReplicaServesAtOnce, ENDS, ends),
    Hunt::new(Bug::DepositedOnce, TWO, two_letters),
    Hunt::new(Bug::MailAckBeforeEffect, TWO, two_letters),
    Hunt::new(Bug::LetterForgotten, TWO, two_letters),
];

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wrong {
    /// A letter is handed on that took effect.
    Again,
    /// The servers are told to let go of a letter that did not take effect.
    Early,
    /// A letter is sent from a disk that has let go of it.
    Back,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    /// Numbers of mailboxes and disks.
    vaults: [u32; SERVERS],
    /// Numbers of couriers and disks.
    writer: u32,
    reader: u32,
    /// Everything that was said, so it may come again at any time, or never.
    said: BTreeSet<Said>,
    /// Letters that the writer calls kept, a bit each as all letters here.
    kept: u8,
    /// Letters that were called kept when the server ended.
    owed: u8,
    ends: u8,
    /// What went wrong on the way here.
    wrong: Option<Wrong>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// A letter arrives at a server.
    Deposit { letter: u8, server: usize },
    /// What was said arrives.
    Hear(Said),
    /// The reader asks a server for mail and gets it.
    Fetch(usize),
    /// The effect of a letter is on disk.
    Apply(u8),
    /// The disk of the server carries out the oldest order.
    ServerWrites,
    /// The reader's does.
    ReaderWrites,
    /// The server ends and starts again.
    ServerEnds { written: bool },
    /// The reader's program does.
    ReaderEnds { written: bool },
}

struct Mail {
    bench: Bench,
    kit: Mutex<Kit>,
    first: State,
    letters: u8,
    /// Ends of the first server and of the reader together.
    ends: u8,
}

impl Mail {
    /// All letters, a bit each.
    const fn all(&self) -> u8 {
        (1 << self.letters) - 1
    }

    fn server(&self, kit: &mut Kit, state: &mut State, index: usize, event: AtServer) {
        let next = kit.at_server(index, state.vaults[index], event);
        state.vaults[index] = next.0;
        for said in &next.1 {
            // What a server tells another one is not late: it may be behind instead.
            if matches!(said, Said::State { .. }) {
                self.hear(kit, state, *said);
            } else {
                state.said.insert(*said);
            }
        }
        // The others have quick disks.
        if index > 0 && kit.server(state.vaults[index]).is_writing {
            self.server(kit, state, index, AtServer::Write);
        }
    }

    /// Something happens to the writer, or else the reader. Gives letters that are brought to
    /// servers.
    fn person(
        &self,
        kit: &mut Kit,
        state: &mut State,
        is_writer: bool,
        event: AtHome,
    ) -> Vec<(u8, usize)> {
        let home = if is_writer {
            &mut state.writer
        } else {
            &mut state.reader
        };
        let before = kit.person(*home).remembered;
        let next = kit.at_home(*home, event);
        *home = next.0;
        let after = kit.person(*home);
        let mut deposits = Vec::new();
        for wish in &next.1 {
            match *wish {
                Wish::Kept(letter) => state.kept |= 1 << letter,
                Wish::Deposit { letter, server } => deposits.push((letter, server)),
                Wish::HandOn(letter) => {
                    if before & 1 << letter != 0 {
                        state.wrong = Some(Wrong::Again);
                    }
                }
                Wish::Ack(letters) => {
                    if letters & !after.remembered != 0 {
                        state.wrong = Some(Wrong::Early);
                    }
                    for letter in (0..self.letters).filter(|one| letters & 1 << one != 0) {
                        let servers = 0..SERVERS as u8;
                        let acks = servers.map(|server| Said::Ack { server, letter });
                        state.said.extend(acks);
                    }
                }
            }
        }
        if is_writer && after.is_writing {
            deposits.extend(self.person(kit, state, true, AtHome::Write));
        }
        deposits
    }

    fn hear(&self, kit: &mut Kit, state: &mut State, said: Said) {
        match said {
            Said::Deposited { server, letter } => {
                self.person(kit, state, true, AtHome::Deposited { server, letter });
            }
            Said::Ack { server, letter } => {
                self.server(kit, state, server.into(), AtServer::Ack(letter));
            }
            Said::Asks { from, to } => {
                self.server(kit, state, to.into(), AtServer::Asked(from));
            }
            Said::State {
                from,
                to,
                state: of,
            } => {
                let event = AtServer::State { from, state: of };
                self.server(kit, state, to.into(), event);
            }
        }
    }

    fn fetch(&self, kit: &mut Kit, state: &mut State, index: usize) {
        let vault = state.vaults[index];
        for &(letters, mail) in kit.fetch(vault).iter() {
            if letters & kit.server(vault).let_go != 0 {
                state.wrong = Some(Wrong::Back);
            }
            self.person(kit, state, false, AtHome::Mail(mail));
        }
    }

    fn apply(&self, kit: &mut Kit, state: &mut State, letter: u8) {
        self.person(kit, state, false, AtHome::Apply(letter));
    }

    fn first_handed(&self, kit: &Kit, state: &State) -> Option<u8> {
        let handed = kit.person(state.reader).handed;
        (0..self.letters).find(|letter| handed & 1 << letter != 0)
    }
}

impl Model for Mail {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![self.first.clone()]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        let letters = 0..self.letters;
        for server in 0..SERVERS {
            let deposit = |letter| Step::Deposit { letter, server };
            steps.extend(letters.clone().map(deposit));
            steps.push(Step::Fetch(server));
        }
        let kit = self.kit.lock().expect("nobody panics");
        let (server, reader) = (kit.server(state.vaults[0]), kit.person(state.reader));
        // Every copy of a word to let go would wait for the disk.
        let is_copy = |said: &Said| match *said {
            Said::Ack { server: 0, letter } => server.letting_go & 1 << letter != 0,
            _ => false,
        };
        let said = state.said.iter().filter(|said| !is_copy(said));
        steps.extend(said.map(|said| Step::Hear(*said)));
        let handed = letters.filter(|letter| reader.handed & 1 << letter != 0);
        steps.extend(handed.map(Step::Apply));
        if server.is_writing {
            steps.push(Step::ServerWrites);
        }
        if reader.is_writing {
            steps.push(Step::ReaderWrites);
        }
        if state.ends >= self.ends {
            return;
        }
        for written in [false, true] {
            if server.is_writing || !written {
                steps.push(Step::ServerEnds { written });
            }
            if reader.is_writing || !written {
                steps.push(Step::ReaderEnds { written });
            }
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        let mut kit = self.kit.lock().expect("nobody panics");
        self.bench.run(|| match step {
            Step::Deposit { letter, server } => {
                self.server(&mut kit, &mut state, server, AtServer::Deposit(letter));
            }
            Step::Hear(said) => self.hear(&mut kit, &mut state, said),
            Step::Fetch(server) => self.fetch(&mut kit, &mut state, server),
            Step::Apply(letter) => self.apply(&mut kit, &mut state, letter),
            Step::ServerWrites => self.server(&mut kit, &mut state, 0, AtServer::Write),
            Step::ReaderWrites => {
                self.person(&mut kit, &mut state, false, AtHome::Write);
            }
            Step::ServerEnds { written } => {
                state.ends += 1;
                state.owed = state.kept;
                self.server(&mut kit, &mut state, 0, AtServer::Restart { written });
            }
            Step::ReaderEnds { written } => {
                state.ends += 1;
                self.person(&mut kit, &mut state, false, AtHome::Restart { written });
            }
        });
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self.ends > 0)
    }
}

fn letters(name: &str, letters: u8, ends: u8) {
    let bench = Bench::new();
    let (kit, vaults, [writer, reader]) = bench.run(|| Kit::new(letters));
    let first = State {
        vaults,
        writer,
        reader,
        said: BTreeSet::new(),
        kept: 0,
        owed: 0,
        ends: 0,
        wrong: None,
    };
    let model = Mail {
        bench: bench.clone(),
        kit: Mutex::new(kit),
        first,
        letters,
        ends,
    };
    explore(name, &bench, model);
}

#[test]
fn two_letters() {
    letters(TWO, 2, 0);
}

#[test]
fn ends() {
    letters(ENDS, 1, 3);
}
