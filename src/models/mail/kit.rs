//! Servers and people of the model, by number, and what is said between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::SERVERS;
use super::people::{Home, Letters, Wish, alice, bob};
use super::vault::{Vault, Word, deposit};
use crate::actors::{courier, mailbox};
use crate::models::Numbered;
use crate::proto::ids::NodeId;

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Said {
    /// A server to the writer: the letter is on disk here.
    Deposited { server: u8, letter: u8 },
    /// The reader to a server: the letter took effect.
    Ack { server: u8, letter: u8 },
    /// A server to another: what do you know?
    Asks { from: u8, to: u8 },
    /// A server to another: this.
    State { from: u8, to: u8, state: u32 },
}

/// What happens to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AtServer {
    Deposit(u8),
    Ack(u8),
    Asked(u8),
    State { from: u8, state: u32 },
    Write,
    Restart { written: bool },
    Wait,
}

/// What happens to the writer or the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AtHome {
    Deposited { server: u8, letter: u8 },
    Mail(u32),
    Apply(u8),
    Write,
    Restart { written: bool },
    Wait,
}

/// A server as the properties see it; letters a bit each.
#[derive(Clone, Copy)]
pub(super) struct ServerRow {
    pub(super) on_disk: u8,
    pub(super) let_go: u8,
    pub(super) letting_go: u8,
    pub(super) has_caught_up: bool,
    pub(super) is_writing: bool,
}

/// A person as the properties see it; letters a bit each.
#[derive(Clone, Copy)]
pub(super) struct HomeRow {
    pub(super) outbox: u8,
    pub(super) handed: u8,
    pub(super) remembered: u8,
    pub(super) is_writing: bool,
}

type Step<T> = Arc<(u32, Vec<T>)>;
/// Letters that are sent in one message, a bit each, and its number.
type Mails = Arc<Vec<(u8, u32)>>;

pub(super) struct Kit {
    letters: Letters,
    homes: Numbered<String, (Home, HomeRow)>,
    vaults: Numbered<String, (Vault, ServerRow)>,
    states: Numbered<Bytes, Bytes>,
    mails: Numbered<Bytes, Bytes>,
    at_home: BTreeMap<(u32, AtHome), Step<Wish>>,
    at_server: BTreeMap<(u32, AtServer), Step<Said>>,
    fetched: BTreeMap<u32, Mails>,
}

impl Kit {
    /// A writer whose letters are on their way to the servers, a reader who has nothing, and
    /// servers that know that there is nothing.
    pub(super) fn new(letters: u8) -> (Self, [u32; SERVERS], [u32; 2]) {
        let (writer, letters) = Home::with_letters(letters);
        let mut kit = Self {
            letters,
            homes: Numbered::new(),
            vaults: Numbered::new(),
            states: Numbered::new(),
            mails: Numbered::new(),
            at_home: BTreeMap::new(),
            at_server: BTreeMap::new(),
            fetched: BTreeMap::new(),
        };
        let vaults = kit.caught_up().map(|vault| kit.vault(vault));
        let people = [kit.home(writer), kit.home(Home::new(bob()))];
        (kit, vaults, people)
    }

    /// Servers that have begun and told each other everything.
    fn caught_up(&self) -> [Vault; SERVERS] {
        let letters = &self.letters;
        let mut vaults: [Vault; SERVERS] = std::array::from_fn(Vault::new);
        let mut said: Vec<(usize, Word)> = Vec::new();
        for (from, vault) in vaults.iter_mut().enumerate() {
            said.extend(vault.wait(letters).into_iter().map(|word| (from, word)));
        }
        while let Some((from, word)) = said.pop() {
            let from_node = NodeId(from as u8 + 1);
            let (to, input) = match word {
                Word::Asks(to) => (to, mailbox::Input::StateAsked(from_node)),
                Word::State(to, state) => {
                    let from = from_node;
                    (to, mailbox::Input::StateArrived { from, state })
                }
                Word::Deposited(_) => continue,
            };
            let says = vaults[to].give(letters, input).into_iter();
            said.extend(says.map(|word| (to, word)));
        }
        for vault in &mut vaults {
            vault.settle(letters);
        }
        vaults
    }

    fn vault(&mut self, vault: Vault) -> u32 {
        let row = ServerRow {
            on_disk: vault.on_disk(&self.letters),
            let_go: vault.let_go(&self.letters),
            letting_go: vault.letting_go(&self.letters),
            has_caught_up: vault.has_caught_up(),
            is_writing: vault.is_writing(),
        };
        self.vaults.number(vault.key(), (vault, row))
    }

    fn home(&mut self, home: Home) -> u32 {
        let row = HomeRow {
            outbox: home.outbox(&self.letters),
            handed: home.handed(),
            remembered: home.remembered(&self.letters),
            is_writing: home.is_writing(),
        };
        self.homes.number(home.key(), (home, row))
    }

    pub(super) fn server(&self, vault: u32) -> ServerRow {
        self.vaults.get(vault).1
    }

    pub(super) fn person(&self, home: u32) -> HomeRow {
        self.homes.get(home).1
    }

    /// What a server sends the reader who asks for mail.
    pub(super) fn fetch(&mut self, vault: u32) -> Mails {
        if let Some(known) = self.fetched.get(&vault) {
            return Arc::clone(known);
        }
        let mails = self.vaults.get(vault).0.fetch(&self.letters);
        let number = |(mask, body): (u8, Bytes)| (mask, self.mails.number(body.clone(), body));
        let mails: Mails = Arc::new(mails.into_iter().map(number).collect());
        self.fetched.insert(vault, Arc::clone(&mails));
        mails
    }

    pub(super) fn at_server(&mut self, index: usize, vault: u32, event: AtServer) -> Step<Said> {
        if let Some(known) = self.at_server.get(&(vault, event)) {
            return Arc::clone(known);
        }
        let mut next = self.vaults.get(vault).0.clone();
        let letters = &self.letters;
        let says = match event {
            AtServer::Deposit(letter) => {
                next.give(letters, deposit(letters, alice().user_id(), letter))
            }
            AtServer::Ack(letter) => {
                let acked = mailbox::Input::Ack {
                    user: bob().user_id(),
                    letters: vec![letters.get(letter).0],
                };
                next.give(letters, acked)
            }
            AtServer::Asked(from) => {
                next.give(letters, mailbox::Input::StateAsked(NodeId(from + 1)))
            }
            AtServer::State { from, state } => {
                let arrived = mailbox::Input::StateArrived {
                    from: NodeId(from + 1),
                    state: self.states.get(state).clone(),
                };
                next.give(letters, arrived)
            }
            AtServer::Write => next.write(letters),
            AtServer::Restart { written } => next.restart(letters, written),
            AtServer::Wait => next.wait(letters),
        };
        let server = index as u8;
        let says = says.into_iter().map(|word| match word {
            Word::Deposited(letter) => Said::Deposited { server, letter },
            Word::Asks(to) => Said::Asks {
                from: server,
                to: to as u8,
            },
            Word::State(to, state) => Said::State {
                from: server,
                to: to as u8,
                state: self.states.number(state.clone(), state),
            },
        });
        let says = says.collect();
        let result = Arc::new((self.vault(next), says));
        self.at_server.insert((vault, event), Arc::clone(&result));
        result
    }

    pub(super) fn at_home(&mut self, home: u32, event: AtHome) -> Step<Wish> {
        if let Some(known) = self.at_home.get(&(home, event)) {
            return Arc::clone(known);
        }
        let mut next = self.homes.get(home).0.clone();
        let letters = &self.letters;
        let wishes = match event {
            AtHome::Deposited { server, letter } => {
                let deposited = courier::Input::Deposited {
                    from: NodeId(server + 1),
                    letter: letters.get(letter).0,
                };
                next.give(letters, deposited)
            }
            AtHome::Mail(mail) => {
                let letters_sent = self.mails.get(mail).clone();
                let arrived = courier::Input::MailArrived {
                    letters: letters_sent,
                };
                next.give(letters, arrived)
            }
            AtHome::Apply(letter) => next.apply(letters, letter),
            AtHome::Write => next.write(letters),
            AtHome::Restart { written } => {
                next.restart(written);
                Vec::new()
            }
            AtHome::Wait => next.wait(letters),
        };
        let result = Arc::new((self.home(next), wishes));
        self.at_home.insert((home, event), Arc::clone(&result));
        result
    }
}
