//! This client's presence, and its own registry of the peers it knows.
//!
//! Tells all servers again and again that we are here, under which name; asks them who somebody is
//! and where, and tells the transport; remembers the answers, so that known peers can be reached
//! when no server answers. The first key met under a name is kept for it: another key under the
//! same name is a conflict, never a silent change. Remembers what the person says of peers:
//! verified, blocked. Never carries a letter. Invariants: every question is answered exactly once,
//! by its deadline at the latest; what is remembered is bounded; errands are numbered upwards.

mod config;
mod failures;
mod listing;
mod lookups;
mod mail;
mod passes;
mod registry;
mod rows;
#[cfg(test)]
mod tests;
mod trust;
mod voice;

use std::collections::BTreeSet;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

pub use self::config::Config;
use self::listing::Listing;
use self::lookups::Lookups;
use self::mail::Mail;
use self::registry::Registry;
use self::rows::{Mark, is_name};
use self::trust::Trust;
use self::voice::Voice;
use super::edges::{Contact, DiskAnswer, DiskOrder, Row, Ticket};
use super::machine::{Machine, Outbox, earliest};
use crate::proto::control::{ClientStatus, Failure, News, Outcome, Report};
use crate::proto::ids::{LetterId, NodeId, UserId, WishId};
use crate::proto::packet::{ErrandKind, HereAnswer, LookupAnswer, Packet, Party};
use crate::proto::pass::Pass;
use crate::proto::route::{Reached, Route};
use crate::time::{Moment, WallTime};

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A person wants the list of peers.
    PeersWanted(WishId),
    /// A person wants the status. The courier's queue is filled in by it.
    StatusWanted(WishId),
    /// A person wants to know when mail is fetched and no letter of ours is on its way.
    SettleWanted {
        /// The wish.
        wish: WishId,
        /// How long to wait for that at the most, in milliseconds.
        wait_ms: u32,
    },
    /// A person was given a pairing code.
    AddWanted {
        /// The wish.
        wish: WishId,
        /// The code.
        code: String,
    },
    /// A person compared words with a peer, or takes that back.
    VerifyWanted {
        /// The wish.
        wish: WishId,
        /// The peer's name.
        peer: String,
        /// Whether the words agreed.
        on: bool,
    },
    /// A person refuses a peer, or no longer.
    BlockWanted {
        /// The wish.
        wish: WishId,
        /// The peer's name.
        peer: String,
        /// Whether to refuse.
        on: bool,
    },
    /// A concern wants the user of this name.
    Find {
        /// Whose order.
        ticket: Ticket,
        /// The name, without a leading `@`.
        name: String,
    },
    /// A concern wants to know whether this user can be reached now.
    Locate {
        /// Whose order.
        ticket: Ticket,
        /// Who.
        user: UserId,
    },
    /// A letter that verified came from this user, who calls themselves so.
    Met(Contact),
    /// A user did not answer three times.
    Missing(UserId),
    /// These letters from the servers have taken effect on disk.
    AckMail(Vec<LetterId>),
    /// The courier's queue has so many letters now.
    Queue(u32),
    /// A server answered our presence.
    HereAnswered {
        /// Which.
        from: NodeId,
        /// How.
        answer: HereAnswer,
    },
    /// A server has counted a later errand than ours.
    Outdated {
        /// Which.
        from: NodeId,
        /// The epoch.
        epoch: WallTime,
        /// Whether who sent that one is still here: a copy of ours, or ourselves.
        is_here: bool,
    },
    /// A server says that mail waits there.
    MailWaiting {
        /// Which.
        from: NodeId,
        /// Letters.
        letters: u32,
    },
    /// A server answered a lookup.
    LookupAnswered {
        /// Which.
        from: NodeId,
        /// How.
        answer: LookupAnswer,
    },
    /// Somebody asks whether we are there.
    PingHeard {
        /// Who.
        from: Party,
        /// Repeated in the answer.
        nonce: u64,
    },
    /// A user is reached in another way now; none if there is no way any more.
    Reached {
        /// Who.
        user: UserId,
        /// How.
        reached: Option<Reached>,
    },
    /// The disk answered.
    Disk {
        /// Which order.
        ticket: Ticket,
        /// How.
        answer: DiskAnswer,
    },
    /// The client ends: say goodbye to all servers.
    Leave,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a packet.
    Send {
        /// To whom.
        to: Party,
        /// What.
        packet: Packet,
    },
    /// Answer to `Find`.
    Found {
        /// Whose order.
        ticket: Ticket,
        /// Who, or why not.
        who: Result<Contact, Failure>,
    },
    /// Answer to `Locate`.
    Located {
        /// Whose order.
        ticket: Ticket,
        /// Who.
        user: UserId,
        /// Whether they can be reached now; how, the transport was told before.
        online: bool,
        /// The last pass for them that a server gave us; perhaps it has run out.
        pass: Option<Pass>,
    },
    /// How a user can be reached, for the transport; told whenever it is learned.
    Reach(Route),
    /// Whom the person refuses; told at the start, at each change, and again for as long as it
    /// matters.
    Blocked(BTreeSet<UserId>),
    /// Tell a person.
    Report(Report),
    /// Ask the disk.
    Disk {
        /// Its number.
        ticket: Ticket,
        /// What.
        order: DiskOrder,
    },
}

/// This client's presence and registry.
#[derive(Debug)]
pub struct Presence {
    voice: Voice,
    registry: Registry,
    lookups: Lookups,
    listing: Listing,
    mail: Mail,
    trust: Trust,
    random: ChaCha20Rng,
    queue: u32,
    here_at: Moment,
    left: bool,
    /// Whether anybody is, or was since the start, refused.
    has_blocked: bool,
}

impl Presence {
    /// Presence from the rows of [`super::edges::Table::Contacts`]. Rows that cannot be read, and
    /// those over the limit, are passed over.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32], contacts: Vec<Row>) -> Self {
        let me = config.identity.user_id();
        let registry = Registry::from_rows(me, config.contacts_max, contacts);
        Self {
            has_blocked: !registry.blocked().is_empty(),
            lookups: Lookups::new(me, &registry),
            registry,
            listing: Listing::default(),
            mail: Mail::default(),
            trust: Trust::default(),
            random: ChaCha20Rng::from_seed(seed),
            queue: 0,
            here_at: Moment::START,
            left: false,
            voice: Voice::new(config),
        }
    }

    fn here(&mut self, now: Moment, out: &mut Outbox<Output>) {
        if self.left {
            return;
        }
        if self.has_blocked {
            // Messages inside a node may be lost.
            out.push(Output::Blocked(self.registry.blocked()));
        }
        let config = self.voice.config();
        self.here_at = now.after(config.here_every());
        let kind = ErrandKind::Here {
            name: config.name.clone(),
            ttl_ms: config.ttl_ms,
        };
        self.voice.errand_to_all(&kind, out);
    }

    fn leave(&mut self, out: &mut Outbox<Output>) {
        self.left = true;
        // Twice against loss: there will be no later to repeat it in.
        self.voice.errand_to_all(&ErrandKind::Leave, out);
        self.voice.errand_to_all(&ErrandKind::Leave, out);
    }

    fn status(&self, now: Moment) -> Outcome {
        let config = self.voice.config();
        Outcome::Status(ClientStatus {
            user: config.identity.user_id(),
            identity: *config.identity.public(),
            name: config.name.clone(),
            name_taken: self.voice.is_name_taken(),
            servers_answering: self.voice.answering(now),
            servers: u32::try_from(config.servers.len()).unwrap_or(u32::MAX),
            letters_queued: self.queue,
        })
    }

    fn find(&mut self, now: Moment, ticket: Ticket, name: String, out: &mut Outbox<Output>) {
        let who = if !is_name(&name) {
            Err(failures::no_such_user(&name))
        } else if name == self.voice.config().name && !self.voice.is_name_taken() {
            Err(failures::yourself(&name))
        } else {
            let random = &mut self.random;
            match self
                .lookups
                .find(&self.voice, now, ticket, name, random, out)
            {
                Ok(()) => return,
                Err(failure) => Err(failure),
            }
        };
        out.push(Output::Found { ticket, who });
    }

    fn met(&mut self, now: Moment, contact: &Contact, out: &mut Outbox<Output>) {
        if is_name(&contact.name) {
            let at = self.voice.config().calendar.at(now);
            self.registry.met(contact, at);
            self.registry.save(out);
        }
    }

    fn server_answered(
        &mut self,
        now: Moment,
        from: NodeId,
        answer: LookupAnswer,
        out: &mut Outbox<Output>,
    ) {
        self.voice.heard(now, from);
        if self.listing.awaits(answer.nonce) {
            let (voice, registry) = (&self.voice, &mut self.registry);
            self.listing
                .answered(voice, registry, now, from, answer, &mut self.random, out);
        } else {
            self.lookups
                .answered(&self.voice, &mut self.registry, now, from, answer, out);
            self.keys_told(now, out);
        }
        self.registry.save(out);
    }

    fn mail_waits(&mut self, now: Moment, from: NodeId, letters: u32, out: &mut Outbox<Output>) {
        self.voice.heard(now, from);
        self.mail.waits(&mut self.voice, now, from, letters, out);
    }

    fn settle(&mut self, now: Moment, wish: WishId, wait_ms: u32, out: &mut Outbox<Output>) {
        // The servers answer a sign of presence with a word about waiting mail.
        self.here(now, out);
        self.mail.settle(&mut self.voice, now, wish, wait_ms, out);
    }

    fn server_said(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        match input {
            Input::HereAnswered { from, answer } if self.voice.knows(from) => {
                self.voice.here_answered(now, from, answer);
            }
            Input::Outdated {
                from,
                epoch,
                is_here,
            } if self.voice.outdated(now, from, epoch, is_here) => self.here(now, out),
            Input::MailWaiting { from, letters } if self.voice.knows(from) => {
                self.mail_waits(now, from, letters, out);
            }
            Input::LookupAnswered { from, answer } if self.voice.knows(from) => {
                self.server_answered(now, from, answer, out);
            }
            _ => {}
        }
    }
}

impl Machine for Presence {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "presence";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        match input {
            Input::PeersWanted(wish) => {
                let random = &mut self.random;
                self.listing.wanted(&self.voice, now, wish, random, out);
            }
            Input::StatusWanted(wish) => report(wish, self.status(now), out),
            Input::SettleWanted { wish, wait_ms } => self.settle(now, wish, wait_ms, out),
            Input::AddWanted { wish, code } => {
                self.with_trust(now, out, |trust, parts| trust.add(wish, &code, parts));
            }
            Input::VerifyWanted { wish, peer, on } => {
                self.mark(now, (wish, &peer), Mark::Verified(on), out);
            }
            Input::BlockWanted { wish, peer, on } => {
                self.mark(now, (wish, &peer), Mark::Blocked(on), out);
            }
            Input::Find { ticket, name } => self.find(now, ticket, name, out),
            Input::Locate { ticket, user } => {
                let random = &mut self.random;
                self.lookups
                    .locate(&self.voice, now, ticket, user, random, out);
            }
            Input::Met(contact) => self.met(now, &contact, out),
            Input::Missing(user) => {
                self.registry.missing(user);
                self.voice.errand_to_all(&ErrandKind::Missing(user), out);
            }
            Input::AckMail(letters) => self.mail.took(&mut self.voice, now, &letters, out),
            Input::Queue(letters) => {
                self.queue = letters;
                self.mail.moved(now);
            }
            Input::PingHeard { from, nonce } => out.push(Output::Send {
                to: from,
                packet: Packet::Pong(nonce),
            }),
            Input::Reached { user, reached } => self.registry.reached(user, reached),
            Input::Disk { ticket, answer } => {
                self.registry.written(ticket, &answer);
                self.trust.written(ticket, &answer, &mut self.registry, out);
            }
            Input::Leave => self.leave(out),
            input @ (Input::HereAnswered { .. }
            | Input::Outdated { .. }
            | Input::MailWaiting { .. }
            | Input::LookupAnswered { .. }) => self.server_said(now, input, out),
        }
    }

    fn deadline(&self) -> Option<Moment> {
        let here = (!self.left).then_some(self.here_at);
        let asked = earliest(self.lookups.deadline(), self.listing.deadline());
        let asked = earliest(asked, self.trust.deadline());
        let mail = self.mail.deadline(&self.voice, self.queue);
        earliest(earliest(here, asked), mail)
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        if now >= self.here_at {
            self.here(now, out);
        }
        self.lookups.tick(&self.voice, &self.registry, now, out);
        self.keys_told(now, out);
        self.trust.tick(now, out);
        self.listing
            .tick(&self.voice, &self.registry, now, &mut self.random, out);
        self.mail.tick(&mut self.voice, self.queue, now, out);
    }
}

fn report(wish: WishId, outcome: Outcome, out: &mut Outbox<Output>) {
    let news = News::Done(Box::new(outcome));
    out.push(Output::Report(Report { wish, news }));
}

fn refuse(wish: WishId, failure: Failure, out: &mut Outbox<Output>) {
    let news = News::Failed(failure);
    out.push(Output::Report(Report { wish, news }));
}
