//! The owner's half: grants that we gave.
//!
//! The borrower decides what is used; we decide what is granted. A change may reach the borrower
//! after looks that we have not heard of yet, and how it works out depends on them. So a change
//! waits here until the borrower reports it, and the report tells how many looks were used when it
//! was applied: then both sides have computed the same numbers.

use serde::{Deserialize, Serialize};

use super::super::edges::{Contact, Folder, PictureFile, Ticket};
use super::completing::Completion;
use crate::proto::ids::{AccountId, GrantId};
use crate::proto::lease::{Adjust, Change, EndReason, Ended, HELD_MAX, LogEntry, LogEvent, Terms};
use crate::proto::ledger::Opening;
use crate::proto::letter::Grant;
use crate::proto::limits::VIEWS_MAX;
use crate::proto::outcome::TakenLooks;
use crate::time::{Moment, WallTime};

/// A change that the borrower has not reported as applied, or not all before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PendingChange {
    pub(super) adjust: Adjust,
    /// Looks used when the borrower applied it; none if not reported yet.
    pub(super) used: Option<u32>,
    /// Whether its letter is with the courier.
    pub(super) posted: bool,
}

/// What a restart may forget.
#[derive(Clone, Default)]
pub(super) struct GivenRun {
    /// Whether the row is on disk, and up to which change.
    pub(super) stored: Option<u32>,
    /// The picture is on its way until then at the latest.
    pub(super) sending: Option<Moment>,
    /// When the borrower last had the picture on disk, by their clock, as far as we heard since our
    /// start. Tells one delivery from the next: a picture that was handed on is not taken again for
    /// a while, and one that is given again must not wait for that.
    pub(super) kept_at: WallTime,
    /// Attempts to deliver since the borrower came online.
    pub(super) tries: u32,
    /// The borrower cannot make the picture of a delta.
    pub(super) only_whole: bool,
    /// Who waits for the delivery, until when.
    pub(super) waiting: Option<(Ticket, Moment)>,
    /// Next time to see what is due.
    pub(super) due_at: Moment,
    /// Next time to ask the ledger how the account stands.
    pub(super) asked_at: Moment,
    /// How far its shares are, if the servers count its looks.
    pub(super) completion: Completion,
    /// Whether the end date has passed, when it was last looked at.
    pub(super) is_late: bool,
}

/// What we keep of a grant whose looks the servers count.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Locked {
    /// The account of the ledger.
    pub(super) account: AccountId,
    /// Opens the picture. The borrower's part of it is the grant's key.
    pub(super) content_key: [u8; 32],
    /// The servers' part, and the seed of its shares: the same shares can be made again.
    pub(super) secret: [u8; 32],
    pub(super) share_seed: [u8; 32],
    /// Which set of shares the servers have, or are to have.
    pub(super) round: u32,
    /// Whether the ledger has the account.
    pub(super) opened: bool,
    /// Whether the ledger has not told that this round of shares is missing.
    pub(super) keyed: bool,
    /// Our changes that the ledger has not taken, in order; at most [`HELD_MAX`].
    pub(super) changes: Vec<Adjust>,
}

/// A grant that we gave, as it is on disk.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Given {
    pub(super) to: Contact,
    pub(super) grant: Grant,
    /// With all changes that the borrower has reported.
    base: Terms,
    /// The others, in order; at most [`HELD_MAX`], so that the borrower can hold them.
    pub(super) pending: Vec<PendingChange>,
    /// Looks used, as reported.
    used: u32,
    /// More than this was never granted, whatever the order of looks and changes.
    most: u32,
    /// Our last stamp on this grant; later ones are larger.
    last_at: WallTime,
    /// Whether the letter with the grant is with the courier.
    pub(super) announced: bool,
    /// Whether the borrower has reported that the grant is theirs.
    pub(super) accepted: bool,
    /// Whether the borrower has reported that the picture is on their disk.
    pub(super) delivered: bool,
    /// The last of the borrower's own stamps that we heard.
    heard_at: WallTime,
    /// When the borrower saw the end date pass, or the last look go, if that still holds.
    ended: Option<Ended>,
    /// When we revoked it, once the borrower has reported that.
    revoked_at: Option<WallTime>,
    /// What we keep of it if the servers count its looks.
    pub(super) locked: Option<Locked>,
    /// Looks that the borrower has reported to have on their device.
    pub(super) lent: Option<TakenLooks>,
    /// When two copies of the borrower's client were found out, which ends it for good.
    copied_at: Option<WallTime>,
    #[serde(skip)]
    pub(super) run: GivenRun,
}

impl Given {
    pub(super) fn new(to: Contact, grant: Grant) -> Self {
        Self {
            base: Terms::new(grant.views, grant.conditions.until),
            most: grant.views,
            last_at: grant.granted_at,
            to,
            grant,
            pending: Vec::new(),
            used: 0,
            announced: false,
            accepted: false,
            delivered: false,
            heard_at: WallTime(0),
            ended: None,
            revoked_at: None,
            locked: None,
            lent: None,
            copied_at: None,
            run: GivenRun::default(),
        }
    }

    /// Opens the picture, without the servers.
    pub(super) fn content_key(&self) -> [u8; 32] {
        let locked = self.locked.as_ref();
        locked.map_or(self.grant.key, |locked| locked.content_key)
    }

    /// Whether the servers do not count its looks yet, as they are to.
    pub(super) fn is_unopened(&self) -> bool {
        self.locked.as_ref().is_some_and(|locked| !locked.opened)
    }

    /// Whether servers are to get shares of it.
    pub(super) fn lacks_shares(&self) -> bool {
        let locked = self.locked.as_ref();
        locked.is_some_and(|locked| !locked.opened || !locked.keyed)
    }

    /// The terms as far as we know: exact once the borrower has reported every change.
    pub(super) fn terms(&self) -> Terms {
        let mut terms = self.base.clone();
        for pending in &self.pending {
            terms.used = pending.used.unwrap_or(self.used);
            apply(&mut terms, pending.adjust);
        }
        terms.used = self.used;
        terms.granted = terms.granted.max(terms.used);
        terms
    }

    /// The first stamp that is later than all that we gave to this grant.
    pub(super) fn next_at(&self, now: WallTime) -> WallTime {
        now.max(WallTime(self.last_at.0.saturating_add(1)))
    }

    /// Makes a change. None if too many wait for the borrower.
    pub(super) fn change(&mut self, change: Change, now: WallTime) -> Option<u32> {
        self.run.is_late = false;
        let untold = self
            .locked
            .as_ref()
            .map_or(0, |locked| locked.changes.len());
        if self.pending.len().max(untold) >= HELD_MAX {
            return None;
        }
        let owner_sequence = self.last_sequence().checked_add(1)?;
        self.last_at = self.next_at(now);
        self.most = match change {
            Change::Set(views) => self.most.max(views),
            Change::Add(views) => self.most.saturating_add(views),
            Change::Refund => self.most.saturating_add(1),
            Change::Sub(_) | Change::Revoke | Change::Until(_) => self.most,
        };
        let adjust = Adjust {
            grant: self.grant.grant,
            owner_sequence,
            change,
            at: self.last_at,
        };
        self.pending.push(PendingChange {
            adjust,
            used: None,
            posted: false,
        });
        if let Some(locked) = &mut self.locked {
            locked.changes.push(adjust);
        }
        Some(owner_sequence)
    }

    /// Takes back a change, and those after it, that could not be written.
    pub(super) fn take_back(&mut self, sequence: u32) {
        if self.run.stored.is_none_or(|stored| stored < sequence) {
            self.pending
                .retain(|pending| pending.adjust.owner_sequence < sequence);
            if let Some(locked) = &mut self.locked {
                locked.changes.retain(|made| made.owner_sequence < sequence);
            }
        }
    }

    /// A change that the borrower has not reported.
    pub(super) fn pending_change(&mut self, sequence: u32) -> Option<&mut PendingChange> {
        self.pending
            .iter_mut()
            .find(|pending| pending.adjust.owner_sequence == sequence)
    }

    /// The last change that we made.
    pub(super) fn last_sequence(&self) -> u32 {
        self.pending
            .last()
            .map_or(self.base.applied, |last| last.adjust.owner_sequence)
    }

    /// Whether a change would grant more than any grant may.
    pub(super) fn is_excessive(&self, change: Change) -> bool {
        match change {
            Change::Set(views) => views > VIEWS_MAX,
            Change::Add(views) => self.terms().granted.saturating_add(views) > VIEWS_MAX,
            Change::Refund => self.terms().granted.saturating_add(1) > VIEWS_MAX,
            Change::Sub(_) | Change::Revoke | Change::Until(_) => false,
        }
    }

    /// Learns from a report, which names the grant it speaks of by the entry of its granting. Old
    /// reports, repeated and reordered ones do no harm.
    pub(super) fn learn(&mut self, entries: &[LogEntry]) {
        let mut is_current = false;
        let mut used = 0;
        for entry in entries {
            match entry.event {
                LogEvent::Granted { .. } => {
                    is_current = entry.at == self.grant.granted_at;
                    used = 0;
                    self.accept(is_current);
                }
                _ if !is_current => {}
                LogEvent::Received => {
                    self.hear(entry.at);
                    self.delivered = true;
                    self.run.kept_at = self.run.kept_at.max(entry.at);
                }
                LogEvent::Viewed { ordinal, .. } if ordinal <= self.most => {
                    self.hear(entry.at);
                    used = used.max(ordinal);
                    self.used = self.used.max(ordinal);
                }
                LogEvent::Adjusted {
                    owner_sequence,
                    change,
                } => self.confirm(owner_sequence, change, used),
                LogEvent::Taken { looks, until } => {
                    self.hear(entry.at);
                    self.lent = Some(TakenLooks {
                        looks,
                        used: 0,
                        until,
                    });
                }
                LogEvent::Returned { .. } => self.lent = None,
                LogEvent::Copied => self.copied_at = Some(entry.at),
                LogEvent::Expired => self.hear_end(EndReason::Expired, entry.at),
                LogEvent::Spent => self.hear_end(EndReason::Spent, entry.at),
                LogEvent::Viewed { .. } => {}
            }
        }
        let confirmed = self
            .pending
            .iter()
            .take_while(|pending| pending.used.is_some())
            .count();
        for pending in self.pending.drain(..confirmed) {
            if pending.adjust.change == Change::Revoke {
                self.revoked_at = Some(pending.adjust.at);
            }
            self.base.used = pending.used.unwrap_or_default();
            apply(&mut self.base, pending.adjust);
        }
    }

    /// What the borrower did at this time by their clock, after what they had told before: the
    /// grant is alive, whatever ended it earlier.
    fn hear(&mut self, at: WallTime) {
        if at > self.heard_at {
            self.heard_at = at;
            self.ended = None;
        }
    }

    fn hear_end(&mut self, reason: EndReason, at: WallTime) {
        if at > self.heard_at {
            self.heard_at = at;
            self.ended = Some(Ended { reason, at });
        }
    }

    /// A borrower drops changes of a grant that they do not have yet, so all are told again.
    fn accept(&mut self, is_current: bool) {
        if is_current && !self.accepted {
            self.accepted = true;
            for pending in &mut self.pending {
                pending.posted = false;
            }
            self.run.due_at = Moment::START;
        }
    }

    fn confirm(&mut self, sequence: u32, change: Change, used: u32) {
        let found = self.pending.iter_mut().find(|pending| {
            pending.adjust.owner_sequence == sequence && pending.adjust.change == change
        });
        let Some(pending) = found else { return };
        pending.posted = true;
        if pending.used.is_none() && matches!(change, Change::Until(_)) {
            // Told for the first time, so it came after any end that we know of.
            self.ended = None;
        }
        pending.used.get_or_insert(used);
    }

    /// The terms under which the ledger opens the account of a strict grant.
    pub(super) fn opening(&self) -> Option<Opening> {
        let lock = self.grant.lock.as_ref()?;
        Some(Opening {
            grant: self.id(),
            granted_at: self.grant.granted_at,
            borrower: self.to.identity.user_id(),
            looks: self.grant.views,
            not_before: None,
            until: self.grant.conditions.until,
            offline_max: self.grant.conditions.offline,
            threshold: lock.threshold,
            share_hashes: lock.share_hashes.clone(),
        })
    }

    /// Whether it could be that two copies of the borrower's client are used, and is not known.
    pub(super) fn may_be_copied(&self) -> bool {
        let is_open = self.locked.as_ref().is_some_and(|locked| locked.opened);
        is_open
            && self.grant.conditions.offline > 0
            && self.copied_at.is_none()
            && !self.terms().revoked
    }

    /// Two copies were used.
    pub(super) const fn end_copied(&mut self, at: WallTime) {
        self.copied_at = Some(at);
    }

    /// Whether an entry that the borrower reports may stand in our log.
    pub(super) fn may_log(&self, entry: &LogEntry) -> bool {
        match entry.event {
            // We wrote these ourselves; the borrower only repeats them.
            LogEvent::Granted { .. } => false,
            LogEvent::Viewed { ordinal, .. } => (1..=VIEWS_MAX).contains(&ordinal),
            LogEvent::Received
            | LogEvent::Taken { .. }
            | LogEvent::Returned { .. }
            | LogEvent::Copied
            | LogEvent::Adjusted { .. }
            | LogEvent::Spent
            | LogEvent::Expired => true,
        }
    }

    /// Its end as far as we know: what the borrower reports, and what our own clock says.
    pub(super) fn end_at(&self, now: WallTime) -> Option<Ended> {
        let terms = self.terms();
        if terms.revoked {
            let mut made = self.pending.iter().map(|pending| pending.adjust);
            let revoke = made.find(|adjust| adjust.change == Change::Revoke);
            return Some(Ended {
                reason: EndReason::Revoked,
                at: revoke.map_or(self.revoked_at.unwrap_or(self.last_at), |made| made.at),
            });
        }
        let ended = |reason, at| Some(Ended { reason, at });
        if let Some(at) = self.copied_at {
            return ended(EndReason::Copied, at);
        }
        let told = self.ended;
        match terms.until.filter(|date| *date <= now) {
            _ if terms.left() == 0 => {
                let last = self.heard_at.max(self.last_at);
                told.or_else(|| ended(EndReason::Spent, last))
            }
            Some(date) => ended(EndReason::Expired, date),
            None => {
                // A date that we moved is expected to take effect. Reports overtake each other: an
                // end that is told after the move may be from before it, and has no such date then.
                let is_moved = |of: &PendingChange| matches!(of.adjust.change, Change::Until(_));
                let is_over = !self.pending.iter().any(is_moved);
                let has_passed = |at| terms.until.is_some_and(|date| date <= at);
                told.filter(|told| {
                    told.reason == EndReason::Expired && is_over && has_passed(told.at)
                })
            }
        }
    }

    /// Whether the picture is still to be delivered.
    pub(super) fn is_to_deliver(&self) -> bool {
        !self.delivered && !self.run.is_late && self.terms().left() > 0
    }

    /// The first change on disk whose letter is not with the courier.
    pub(super) fn unposted(&self) -> impl Iterator<Item = u32> + '_ {
        let stored = self.run.stored.unwrap_or_default();
        self.pending
            .iter()
            .filter(|pending| !pending.posted)
            .map(|pending| pending.adjust.owner_sequence)
            .filter(move |sequence| *sequence <= stored)
    }

    /// Whether something is to be done again and again until it is done.
    pub(super) fn is_due(&self) -> bool {
        let is_untold = |locked: &Locked| !locked.keyed || !locked.changes.is_empty();
        self.run.stored.is_some()
            && (!self.announced
                || self.unposted().next().is_some()
                || self.is_to_deliver()
                || self.locked.as_ref().is_some_and(is_untold))
    }

    /// Whether nothing more will come of it, so that it may give way to a new grant.
    pub(super) fn is_finished(&self, now: WallTime) -> bool {
        self.pending.is_empty() && self.end_at(now).is_some()
    }

    /// Looks left as far as we know.
    pub(super) fn left_at(&self, now: WallTime) -> u32 {
        match self.end_at(now) {
            Some(_) => 0,
            None => self.terms().left(),
        }
    }

    /// Whether any look was counted, as far as we know.
    pub(super) const fn is_used(&self) -> bool {
        self.used > 0
    }

    /// Whether the grant and all its changes are with the courier, so that a newer grant of the
    /// name may follow.
    pub(super) fn is_told(&self) -> bool {
        self.announced && self.pending.iter().all(|pending| pending.posted)
    }

    /// The entry of its granting.
    pub(super) const fn granted_entry(&self) -> LogEntry {
        LogEntry {
            at: self.grant.granted_at,
            event: LogEvent::Granted {
                views: self.grant.views,
            },
        }
    }

    /// Its name.
    pub(super) const fn id(&self) -> GrantId {
        self.grant.grant
    }
}

/// Applies a change as the borrower does, who may have counted a look over an earlier one.
fn apply(terms: &mut Terms, adjust: Adjust) {
    terms.granted = terms.granted.max(terms.used);
    terms.adjust(adjust);
}

/// The file of a grant's picture on our side. It is named after its content too: the picture of a
/// newer grant of the same name must not replace it before that grant exists.
pub(super) fn hidden_file(grant: &Grant) -> PictureFile {
    PictureFile {
        folder: Folder::Hidden,
        name: format!("{}-{}.png", grant.grant.hex(), grant.picture.short()),
    }
}
