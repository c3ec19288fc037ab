//! Questions about one user that wait for the servers.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng;

use super::super::edges::{Contact, Ticket};
use super::super::machine::Outbox;
use super::Output;
use super::failures::{no_such_user, nobody_answered, too_many_questions, yourself};
use super::passes::Passes;
use super::registry::{Registry, route};
use super::voice::Voice;
use crate::proto::control::Failure;
use crate::proto::ids::{NodeId, UserId};
use crate::proto::packet::{DirectoryEntry, Lookup, LookupAnswer, LookupKind, Packet, Party};
use crate::time::Moment;

/// Questions that wait at the most.
const LOOKUPS_MAX: usize = 256;

/// A question is sent so often while it waits, to servers that have not answered.
const SENDINGS: u32 = 3;

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Name(String),
    User(UserId),
    /// The keys behind a user id, for ourselves.
    Keys(UserId),
}

/// The end of a question of our own for keys.
#[derive(Debug)]
pub(super) struct KeysTold {
    pub(super) ticket: Ticket,
    pub(super) entry: Option<DirectoryEntry>,
    /// Whether any server answered.
    pub(super) heard: bool,
}

/// The end of a question.
enum End {
    Told(Output),
    Located {
        ticket: Ticket,
        user: UserId,
        online: bool,
    },
    Keys(KeysTold),
}

#[derive(Debug)]
struct Question {
    ticket: Ticket,
    wanted: Wanted,
    answered: BTreeSet<NodeId>,
    send_at: Moment,
    ends_at: Moment,
}

impl Question {
    fn packet(&self, nonce: u64) -> Packet {
        let wanted = match &self.wanted {
            Wanted::Name(name) => LookupKind::Name(name.clone()),
            Wanted::User(user) | Wanted::Keys(user) => LookupKind::User(*user),
        };
        Packet::Lookup(Lookup { nonce, wanted })
    }

    /// Whether no server that is still silent can be expected to answer.
    fn is_exhausted(&self, voice: &Voice, now: Moment) -> bool {
        voice
            .servers()
            .all(|server| self.answered.contains(&server) || !voice.is_expected(now, server))
    }

    /// The answer without a helpful word of a server.
    fn fallback(&self, registry: &Registry, out: &mut Outbox<Output>) -> End {
        let ticket = self.ticket;
        let unheard = self.answered.is_empty();
        match &self.wanted {
            Wanted::Name(name) => {
                let known = registry.contact(name).ok_or_else(|| {
                    if unheard {
                        nobody_answered(name)
                    } else {
                        no_such_user(name)
                    }
                });
                let who = known.and_then(|contact| registry.admit(contact));
                End::Told(Output::Found { ticket, who })
            }
            Wanted::User(user) => {
                // If a server says that the user is away, the old address leads nowhere.
                let way = registry.last_route(*user).filter(|_| unheard);
                let online = way.is_some();
                if let Some(way) = way {
                    out.push(Output::Reach(way));
                }
                located(ticket, *user, online)
            }
            Wanted::Keys(_) => End::Keys(KeysTold {
                ticket,
                entry: None,
                heard: !unheard,
            }),
        }
    }
}

/// All questions about one user, by nonce.
#[derive(Debug)]
pub(super) struct Lookups {
    questions: BTreeMap<u64, Question>,
    keys: Vec<KeysTold>,
    passes: Passes,
}

impl Lookups {
    /// No questions yet; the passes that the registry has.
    pub(super) fn new(me: UserId, registry: &Registry) -> Self {
        let mut passes = Passes::new(me);
        for pass in registry.passes() {
            passes.keep(pass);
        }
        Self {
            questions: BTreeMap::new(),
            keys: Vec::new(),
            passes,
        }
    }

    /// Asks for the user of a name; fails only for want of room.
    pub(super) fn find(
        &mut self,
        voice: &Voice,
        now: Moment,
        ticket: Ticket,
        name: String,
        random: &mut ChaCha20Rng,
        out: &mut Outbox<Output>,
    ) -> Result<(), Failure> {
        if self.ask(voice, now, ticket, Wanted::Name(name), random, out) {
            Ok(())
        } else {
            Err(too_many_questions())
        }
    }

    /// Asks whether a user can be reached. For want of room they count as away: their letters then
    /// wait.
    pub(super) fn locate(
        &mut self,
        voice: &Voice,
        now: Moment,
        ticket: Ticket,
        user: UserId,
        random: &mut ChaCha20Rng,
        out: &mut Outbox<Output>,
    ) {
        if !self.ask(voice, now, ticket, Wanted::User(user), random, out) {
            self.tell(located(ticket, user, false), out);
        }
    }

    /// Asks for the keys behind a user id; fails only for want of room. The end is in
    /// [`Lookups::take_keys`].
    pub(super) fn keys(
        &mut self,
        voice: &Voice,
        now: Moment,
        ticket: Ticket,
        user: UserId,
        random: &mut ChaCha20Rng,
        out: &mut Outbox<Output>,
    ) -> Result<(), Failure> {
        if self.ask(voice, now, ticket, Wanted::Keys(user), random, out) {
            Ok(())
        } else {
            Err(too_many_questions())
        }
    }

    /// Questions for keys that have ended since the last call.
    pub(super) fn take_keys(&mut self) -> Vec<KeysTold> {
        std::mem::take(&mut self.keys)
    }

    fn tell(&mut self, end: End, out: &mut Outbox<Output>) {
        match end {
            End::Told(output) => out.push(output),
            End::Located {
                ticket,
                user,
                online,
            } => out.push(Output::Located {
                ticket,
                user,
                online,
                pass: self.passes.get(user),
            }),
            End::Keys(told) => self.keys.push(told),
        }
    }

    /// Whether the question waits now, or did before.
    fn ask(
        &mut self,
        voice: &Voice,
        now: Moment,
        ticket: Ticket,
        wanted: Wanted,
        random: &mut ChaCha20Rng,
        out: &mut Outbox<Output>,
    ) -> bool {
        let same = |q: &Question| q.ticket == ticket && q.wanted == wanted;
        if self.questions.values().any(same) {
            return true;
        }
        if self.questions.len() >= LOOKUPS_MAX {
            return false;
        }
        let wait = voice.config().lookup_wait();
        let question = Question {
            ticket,
            wanted,
            answered: BTreeSet::new(),
            send_at: now.after(wait / SENDINGS),
            ends_at: now.after(wait),
        };
        let nonce = random.next_u64();
        voice.send_all(&question.packet(nonce), out);
        self.questions.insert(nonce, question);
        true
    }

    /// A server answered.
    pub(super) fn answered(
        &mut self,
        voice: &Voice,
        registry: &mut Registry,
        now: Moment,
        from: NodeId,
        answer: LookupAnswer,
        out: &mut Outbox<Output>,
    ) {
        let Some(question) = self.questions.get_mut(&answer.nonce) else {
            return;
        };
        question.answered.insert(from);
        let pass = answer.pass.filter(|pass| pass.server == from);
        let ticket = question.ticket;
        let end = match &question.wanted {
            Wanted::Name(name) => {
                answer
                    .entries
                    .iter()
                    .find(|entry| entry.name == *name)
                    .map(|entry| {
                        let who = if registry.is_me(&entry.identity) {
                            Err(yourself(name))
                        } else {
                            registry.told(entry)
                        };
                        if who.is_ok() {
                            tell_way(entry, out);
                        }
                        found(ticket, who.and_then(|contact| registry.admit(contact)))
                    })
            }
            Wanted::User(user) => answer
                .entries
                .iter()
                .find(|entry| entry.identity.user_id() == *user)
                .and_then(|entry| {
                    // Under another name or with a conflict: the key is right, and only it counts.
                    let _ = registry.told(entry);
                    tell_way(entry, out);
                    entry.address
                })
                .map(|_| located(ticket, *user, true)),
            Wanted::Keys(user) => answer
                .entries
                .iter()
                .find(|entry| entry.identity.user_id() == *user)
                .map(|entry| {
                    tell_way(entry, out);
                    End::Keys(KeysTold {
                        ticket,
                        entry: Some(entry.clone()),
                        heard: true,
                    })
                }),
        };
        // Whoever was not known is now.
        registry.passed(pass.filter(|pass| self.passes.keep(*pass)));
        let end = end.or_else(|| {
            question
                .is_exhausted(voice, now)
                .then(|| question.fallback(registry, out))
        });
        if let Some(end) = end {
            self.questions.remove(&answer.nonce);
            self.tell(end, out);
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.questions
            .values()
            .map(|question| question.send_at.min(question.ends_at))
            .min()
    }

    /// Repeats questions, and ends those whose time is over.
    pub(super) fn tick(
        &mut self,
        voice: &Voice,
        registry: &Registry,
        now: Moment,
        out: &mut Outbox<Output>,
    ) {
        let step = voice.config().lookup_wait() / SENDINGS;
        let mut ends = Vec::new();
        self.questions.retain(|&nonce, question| {
            if now >= question.ends_at {
                ends.push(question.fallback(registry, out));
                return false;
            }
            if now >= question.send_at {
                question.send_at = now.after(step.max(std::time::Duration::from_millis(1)));
                for server in voice.servers() {
                    if !question.answered.contains(&server) {
                        let to = Party::Server(server);
                        let packet = question.packet(nonce);
                        out.push(Output::Send { to, packet });
                    }
                }
            }
            true
        });
        for end in ends {
            self.tell(end, out);
        }
    }
}

const fn found(ticket: Ticket, who: Result<Contact, Failure>) -> End {
    End::Told(Output::Found { ticket, who })
}

const fn located(ticket: Ticket, user: UserId, online: bool) -> End {
    End::Located {
        ticket,
        user,
        online,
    }
}

/// Tells the transport where a server sees a user.
fn tell_way(entry: &DirectoryEntry, out: &mut Outbox<Output>) {
    if let Some(address) = entry.address {
        out.push(Output::Reach(route(&entry.identity, address)));
    }
}
