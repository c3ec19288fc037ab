//! One wish: who owns it, what was sent to whom, and since when nothing was heard.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::super::edges::Ticket;
use super::super::machine::Outbox;
use super::dealings::Dealings;
use super::{Config, Output, failures};
use crate::proto::control::{Progress, Timings};
use crate::proto::ids::{Digest, NodeId, RequestId};
use crate::proto::limits::SMALL_BODY_BYTES;
use crate::proto::packet::{Ask, Packet, RefusalReason};
use crate::time::Moment;

/// An owner that answered none of so many questions is gone: anybody may take over, whatever the
/// epoch, because the servers may have lost their memory of it.
const SILENT_ROUNDS: u32 = 3;

/// Attempts at a request that a server failed at.
const FAILURES_MAX: u32 = 3;

/// Attempts at a body that a server found damaged.
const DAMAGES_MAX: u32 = 2;

/// No wish lives longer, even if a server keeps saying that it has it.
const WISH_MAX: Duration = Duration::from_secs(600);

/// The server that has the request now.
#[derive(Debug)]
struct Owner {
    node: NodeId,
    epoch: u32,
    /// When it became the owner.
    since: Moment,
    heard_at: Moment,
    /// Whether a part of the work was seen to go on.
    progressed: bool,
    hiding_told: bool,
}

/// A wish that is not done.
#[derive(Debug)]
pub(super) struct Wish {
    ticket: Ticket,
    ask: Ask,
    body: Bytes,
    began_at: Moment,
    sign_at: Moment,
    next_ask: Moment,
    /// Since when servers have refused as busy without anything moving.
    busy_since: Option<Moment>,
    owner: Option<Owner>,
    owners: u32,
    dealings: BTreeMap<NodeId, Dealings>,
    damages: u32,
    failures: u32,
}

impl Wish {
    /// Asks all servers; they get a small body at once.
    pub(super) fn begin(
        config: &Config,
        now: Moment,
        ticket: Ticket,
        request: RequestId,
        size_bytes: u32,
        body: Bytes,
        out: &mut Outbox<Output>,
    ) -> Self {
        let mut wish = Self {
            ticket,
            ask: Ask {
                request,
                size_bytes,
                digest: Digest::of(&body),
            },
            body,
            began_at: now,
            sign_at: now,
            next_ask: now.after(config.ask_again()),
            busy_since: None,
            owner: None,
            owners: 0,
            dealings: BTreeMap::new(),
            damages: 0,
            failures: 0,
        };
        wish.tell(Progress::Asked(request), out);
        wish.ask_all(config, now, out);
        if wish.is_small() {
            for &server in &config.servers {
                wish.upload(server, out);
            }
        }
        wish
    }

    /// Whose order it is.
    pub(super) const fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// A server says that it has the request. Whether its upload began.
    pub(super) fn elected(
        &mut self,
        config: &Config,
        now: Moment,
        node: NodeId,
        epoch: u32,
        out: &mut Outbox<Output>,
    ) -> bool {
        let silence = config.ask_again() * SILENT_ROUNDS;
        let lost = match &mut self.owner {
            None => true,
            Some(owner) if owner.node == node && epoch >= owner.epoch => {
                let repeated = epoch == owner.epoch;
                owner.epoch = epoch;
                owner.heard_at = now;
                if now.since(owner.since) >= config.ask_again() {
                    // It kept the request beyond the moment in which a busy server refuses it.
                    self.busy_since = None;
                }
                self.sign(config, now);
                if !repeated {
                    self.tell(Progress::Elected { node, epoch }, out);
                }
                return self.upload_unless_there(node, out);
            }
            Some(owner) if epoch > owner.epoch => true,
            // Two claims of one epoch: the later word is that of the better claim. Claims cross
            // within moments; an upload that has begun meanwhile proves nothing, because who lost
            // takes the fragments all the same and then drops them.
            Some(owner)
                if epoch == owner.epoch
                    && (!owner.progressed || now.since(owner.since) < config.ask_again()) =>
            {
                false
            }
            Some(owner) if now.since(owner.heard_at) >= silence => true,
            Some(_) => return false,
        };
        if let Some(old) = self.owner.take()
            && old.node != node
            && !self.is_small()
        {
            self.cancel(old.node, out);
        }
        self.owners += u32::from(lost);
        self.owner = Some(Owner {
            node,
            epoch,
            since: now,
            heard_at: now,
            progressed: false,
            hiding_told: false,
        });
        self.dealings.entry(node).or_default().elected_at = Some(now);
        self.sign(config, now);
        self.tell(Progress::Elected { node, epoch }, out);
        self.tell_hiding(out);
        self.upload_unless_there(node, out)
    }

    /// The owner has no body. Its word is as good as that of an election.
    pub(super) fn body_needed(
        &mut self,
        config: &Config,
        now: Moment,
        from: NodeId,
        epoch: u32,
        out: &mut Outbox<Output>,
    ) {
        if self.elected(config, now, from, epoch, out) || !self.is_owner(from, epoch) {
            return;
        }
        if let Some(owner) = &mut self.owner {
            owner.hiding_told = false;
        }
        self.dealings.entry(from).or_default().has_no_body();
        self.upload(from, out);
    }

    /// A server refuses. Only the owner's word can be final: others may be late.
    pub(super) fn refused(
        &mut self,
        config: &Config,
        now: Moment,
        from: NodeId,
        reason: RefusalReason,
        out: &mut Outbox<Output>,
    ) -> Option<Output> {
        let from_owner = self.owner.as_ref().map(|owner| owner.node == from);
        let busy = matches!(reason, RefusalReason::Busy { .. });
        // Of a server that was busy, the word of its election may have been lost.
        if from_owner == Some(false) || (from_owner.is_none() && !busy) {
            return None;
        }
        let wait = match reason {
            RefusalReason::Busy { retry_after_ms } => {
                self.busy_since.get_or_insert(now);
                // Nobody may put us off beyond a few attempts.
                Duration::from_millis(retry_after_ms.into())
                    .min(config.give_up() / 4)
                    .max(config.ask_again() / 4)
            }
            RefusalReason::TooLarge { limit_bytes } => {
                return Some(self.fail(failures::too_large(limit_bytes)));
            }
            RefusalReason::BadCover => return Some(self.fail(failures::bad_cover())),
            RefusalReason::BadBody => {
                self.damages += 1;
                if self.damages >= DAMAGES_MAX {
                    return Some(self.fail(failures::bad_body()));
                }
                config.ask_again()
            }
            RefusalReason::Failed => {
                self.failures += 1;
                if self.failures >= FAILURES_MAX {
                    return Some(self.fail(failures::failed(self.failures)));
                }
                config.ask_again()
            }
        };
        if self.owner.take().is_some() {
            self.owners = self.owners.saturating_sub(1);
        }
        if !self.is_small() {
            self.cancel(from, out);
        }
        // A server that refuses keeps no body.
        self.dealings.entry(from).or_default().has_no_body();
        self.sign_at = now;
        self.next_ask = now.after(wait);
        None
    }

    /// A server acknowledged a part of the body.
    pub(super) fn uploading(
        &mut self,
        config: &Config,
        now: Moment,
        to: NodeId,
        done_bytes: u32,
        total_bytes: u32,
        out: &mut Outbox<Output>,
    ) {
        self.sign(config, now);
        if self.work_seen(now, to) {
            let progress = Progress::Uploading {
                done_bytes,
                total_bytes,
            };
            self.tell(progress, out);
        }
    }

    /// A server has the whole body.
    pub(super) fn uploaded(
        &mut self,
        config: &Config,
        now: Moment,
        to: NodeId,
        out: &mut Outbox<Output>,
    ) {
        self.sign(config, now);
        let dealings = self.dealings.entry(to).or_default();
        dealings.sending = false;
        dealings.uploaded_at.get_or_insert(now);
        if self.work_seen(now, to) {
            self.tell_hiding(out);
        }
    }

    /// A body did not get through. If its server still has the request, it says so when asked
    /// again, and the upload begins anew.
    pub(super) fn upload_failed(&mut self, to: NodeId) {
        self.dealings.entry(to).or_default().sending = false;
    }

    /// A result arrives.
    pub(super) fn downloading(
        &mut self,
        config: &Config,
        now: Moment,
        from: NodeId,
        done_bytes: u32,
        total_bytes: u32,
        out: &mut Outbox<Output>,
    ) {
        self.sign(config, now);
        self.dealings
            .entry(from)
            .or_default()
            .first_piece_at
            .get_or_insert(now);
        self.work_seen(now, from);
        let progress = Progress::Downloading {
            done_bytes,
            total_bytes,
        };
        self.tell(progress, out);
    }

    /// The first whole result is the one: every server makes the same picture of a request.
    pub(super) fn result(&self, now: Moment, from: NodeId, picture: Bytes) -> Output {
        Output::Hidden {
            ticket: self.ticket,
            request: self.ask.request,
            digest: Digest::of(&picture),
            picture,
            timings: self.timings(now, from),
        }
    }

    /// When [`Wish::on_deadline`] wants to be called.
    pub(super) fn deadline(&self, config: &Config) -> Moment {
        self.next_ask.min(self.expires_at(config))
    }

    /// Gives up, or asks again.
    pub(super) fn on_deadline(
        &mut self,
        config: &Config,
        now: Moment,
        out: &mut Outbox<Output>,
    ) -> Option<Output> {
        if now < self.expires_at(config) {
            if now >= self.next_ask {
                self.ask_all(config, now, out);
            }
            return None;
        }
        let failure = if now >= self.began_at.after(WISH_MAX) {
            failures::endless(WISH_MAX.as_secs() / 60)
        } else if self.busy_since.is_some() && self.owner.is_none() {
            failures::busy()
        } else {
            let owner = self.owner.as_ref().map(|owner| owner.node);
            failures::unreachable(owner, config.give_up_ms)
        };
        Some(self.fail(failure))
    }

    /// Stops every upload that may still run.
    pub(super) fn cancel_all(&mut self, out: &mut Outbox<Output>) {
        let servers: Vec<NodeId> = self.dealings.keys().copied().collect();
        for server in servers {
            self.cancel(server, out);
        }
    }

    fn expires_at(&self, config: &Config) -> Moment {
        let give_up = config.give_up();
        let silent = self
            .sign_at
            .after(give_up)
            .min(self.began_at.after(WISH_MAX));
        match (self.busy_since, &self.owner) {
            (Some(since), None) => silent.min(since.after(give_up)),
            _ => silent,
        }
    }

    fn timings(&self, now: Moment, from: NodeId) -> Timings {
        let micros = |from: Moment, to: Moment| {
            u64::try_from(to.since(from).as_micros()).unwrap_or(u64::MAX)
        };
        let dealings = self.dealings.get(&from);
        let stamp = |pick: fn(&Dealings) -> Option<Moment>| dealings.and_then(pick);
        // A word that was lost takes the time of the next one that was heard. A small body may be
        // there before the election: then the upload took no time of its own.
        let first_piece = stamp(|d| d.first_piece_at).unwrap_or(now);
        let uploaded = stamp(|d| d.uploaded_at);
        let elected = stamp(|d| d.elected_at)
            .or(uploaded)
            .unwrap_or(first_piece)
            .min(first_piece);
        let uploaded = uploaded.unwrap_or(elected).min(first_piece).max(elected);
        Timings {
            election_us: micros(self.began_at, elected),
            upload_us: micros(elected, uploaded),
            hiding_us: micros(uploaded, first_piece),
            download_us: micros(first_piece, now),
            owners: self.owners.max(1),
            node: Some(from),
        }
    }

    fn is_small(&self) -> bool {
        self.body.len() <= SMALL_BODY_BYTES
    }

    fn is_owner(&self, node: NodeId, epoch: u32) -> bool {
        self.owner
            .as_ref()
            .is_some_and(|owner| owner.node == node && owner.epoch <= epoch)
    }

    /// Notes that something of ours goes on, so that the servers need not be asked again yet.
    fn sign(&mut self, config: &Config, now: Moment) {
        self.sign_at = now;
        self.next_ask = self.next_ask.max(now.after(config.ask_again()));
    }

    /// Notes work of the owner. Whether `node` is the owner.
    fn work_seen(&mut self, now: Moment, node: NodeId) -> bool {
        match &mut self.owner {
            Some(owner) if owner.node == node => {
                owner.heard_at = now;
                owner.progressed = true;
                self.busy_since = None;
                true
            }
            _ => false,
        }
    }

    fn ask_all(&mut self, config: &Config, now: Moment, out: &mut Outbox<Output>) {
        self.next_ask = now.after(config.ask_again());
        let unheard_ms = now.since(self.sign_at).as_millis();
        let (ask, unheard_ms) = (self.ask, u16::try_from(unheard_ms).unwrap_or(u16::MAX));
        for &to in &config.servers {
            let packet = Packet::Ask { ask, unheard_ms };
            out.push(Output::Send { to, packet });
        }
    }

    fn upload_unless_there(&mut self, to: NodeId, out: &mut Outbox<Output>) -> bool {
        let dealings = self.dealings.entry(to).or_default();
        let there = dealings.sending || dealings.uploaded_at.is_some();
        if !there {
            self.upload(to, out);
        }
        !there
    }

    fn upload(&mut self, to: NodeId, out: &mut Outbox<Output>) {
        let dealings = self.dealings.entry(to).or_default();
        dealings.sending = true;
        out.push(Output::Upload {
            to,
            request: self.ask.request,
            attempt: dealings.attempt,
            body: self.body.clone(),
            digest: self.ask.digest,
        });
    }

    fn cancel(&mut self, to: NodeId, out: &mut Outbox<Output>) {
        if let Some(dealings) = self.dealings.get_mut(&to)
            && dealings.sending
        {
            dealings.sending = false;
            out.push(Output::CancelUpload {
                to,
                request: self.ask.request,
                attempt: dealings.attempt,
            });
        }
    }

    fn tell_hiding(&mut self, out: &mut Outbox<Output>) {
        let Some(owner) = &mut self.owner else {
            return;
        };
        let there = self
            .dealings
            .get(&owner.node)
            .is_some_and(|dealings| dealings.uploaded_at.is_some());
        if there && !owner.hiding_told {
            owner.hiding_told = true;
            self.tell(Progress::Hiding, out);
        }
    }

    fn tell(&self, progress: Progress, out: &mut Outbox<Output>) {
        out.push(Output::Progress {
            ticket: self.ticket,
            progress,
        });
    }

    const fn fail(&self, failure: crate::proto::control::Failure) -> Output {
        Output::Failed {
            ticket: self.ticket,
            failure,
        }
    }
}
