//! The borrower's half: grants that we received.

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::super::edges::{Folder, PictureFile};
use super::taken::Taken;
use crate::crypto::static_key::StaticSecret;
use crate::proto::cargo::Form;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{Digest, GrantId, UserId, ViewId, WishId};
use crate::proto::lease::{
    Adjust, Applied, AtZero, Change, EndReason, Ended, LogEntry, LogEvent, Terms,
};
use crate::proto::letter::{Grant, Lock, Note};
use crate::proto::limits::{MESSAGE_MAX_BYTES, NAME_MAX_BYTES, SERVERS_MAX, SHOW_MS, VIEWS_MAX};
use crate::time::{Moment, WallTime};

/// Events that wait to be reported; no look begins and no change is taken beyond.
pub(super) const UNREPORTED_MAX: usize = 256;

/// How the picture's file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum FileState {
    /// Not here yet.
    Missing,
    /// Here.
    Here,
    /// No look is left, the key is gone, the file is about to be emptied or deleted.
    Emptying,
    /// The cover is left, with nothing inside.
    Emptied,
    /// No look is left, and no file.
    Gone,
}

/// The last look that was counted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Counted {
    pub(super) view: ViewId,
    pub(super) ordinal: u32,
    pub(super) left: u32,
    pub(super) at: WallTime,
}

/// What a restart may forget.
#[derive(Clone, Default)]
pub(super) struct ReceivedRun {
    /// The key that the servers' shares of a look are sealed to. It is never on disk: so of two
    /// copies of this program only the one that asked can open them, and a look that was counted
    /// for a program that is gone is gone with it.
    pub(super) reply: Option<(ViewId, StaticSecret)>,
    /// Looks that were wanted here, until they are asked for, and until when.
    pub(super) wanted: Option<(u32, WallTime)>,
    /// Who gives looks back that are here.
    pub(super) returning: Option<WishId>,
    /// Next time to tell the servers of looks without them.
    pub(super) check_in_at: Moment,
    /// Entries ever reported since the start, and those ever durable.
    pub(super) reported: u64,
    pub(super) durable: u64,
    /// A delta did not give the picture: the file is asked for.
    pub(super) only_whole: bool,
    /// Attempts to empty the picture.
    pub(super) tries: u32,
    /// Next time to see what is due.
    pub(super) due_at: Moment,
}

/// A grant that we received, as it is on disk.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Received {
    pub(super) owner: PublicIdentity,
    /// Without its key.
    pub(super) grant: Grant,
    /// Tells grants of one name apart, and their changes: a digest of the key.
    generation: Digest,
    /// Opens the picture; none when no look is left.
    pub(super) key: Option<[u8; 32]>,
    pub(super) terms: Terms,
    /// Why it gives no looks, and since when; kept until a change of the owner gives looks again.
    /// A clock that is set back does not.
    pub(super) ended: Option<Ended>,
    pub(super) file: FileState,
    /// A look that was begun and not counted.
    pub(super) claim: Option<ViewId>,
    /// A look that is claimed, or was let go, and whose picture did not leave this program, of a
    /// grant whose looks are counted first: it is asked for again, and is counted once.
    pub(super) unshown: Option<ViewId>,
    pub(super) counted: Option<Counted>,
    /// Looks that are here for use without the servers.
    pub(super) taken: Option<Taken>,
    /// The granting and the last look among the reported entries: they head each report.
    context: Vec<LogEntry>,
    /// In the order in which they happened.
    unreported: Vec<LogEntry>,
    #[serde(skip)]
    pub(super) run: ReceivedRun,
}

impl Received {
    pub(super) fn new(owner: PublicIdentity, mut grant: Grant) -> Self {
        let key = grant.key;
        grant.key.zeroize();
        let mut fresh = Self {
            owner,
            generation: generation(&key),
            key: Some(key),
            terms: Terms::new(grant.views, grant.conditions.until),
            grant,
            ended: None,
            file: FileState::Missing,
            claim: None,
            unshown: None,
            counted: None,
            taken: None,
            context: Vec::new(),
            unreported: Vec::new(),
            run: ReceivedRun::default(),
        };
        fresh.note(fresh.granted_entry());
        fresh
    }

    /// A newer grant of the same name. What was not reported of the old one still is.
    pub(super) fn replace(&mut self, grant: Grant) {
        let mut fresh = Self::new(self.owner, grant);
        self.erase_key();
        self.unreported.append(&mut fresh.unreported);
        fresh.unreported = std::mem::take(&mut self.unreported);
        fresh.context = std::mem::take(&mut self.context);
        fresh.run = ReceivedRun {
            tries: 0,
            reply: None,
            ..self.run
        };
        *self = fresh;
    }

    /// Remembers an event for the next report.
    pub(super) fn note(&mut self, entry: LogEntry) {
        self.unreported.push(entry);
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

    /// Applies a change, and those that waited for it. Returns what took effect, in order; none if
    /// the change belongs to another grant of this name.
    pub(super) fn adjust(
        &mut self,
        adjust: Adjust,
        key: &[u8; 32],
        now: WallTime,
    ) -> Option<Vec<LogEntry>> {
        if generation(key) != self.generation {
            return None;
        }
        let mut candidates = vec![adjust];
        candidates.extend_from_slice(&self.terms.held);
        let Applied::Now(count) = self.terms.adjust(adjust) else {
            return Some(Vec::new());
        };
        candidates.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        let mut entries: Vec<LogEntry> = candidates.iter().map(adjusted).collect();
        if self.judge(&candidates, now) {
            entries.push(expired(now));
        }
        self.unreported.extend_from_slice(&entries);
        if self.left() > 0 && !matches!(self.file, FileState::Here | FileState::Missing) {
            self.key = Some(*key);
            self.file = FileState::Missing;
        }
        Some(entries)
    }

    /// Whether these changes ended the lease, or began it anew. Only another date brings an expired
    /// one back. True if it is found to be expired.
    fn judge(&mut self, changes: &[Adjust], now: WallTime) -> bool {
        let revoked = changes.iter().find(|made| made.change == Change::Revoke);
        let is_moved = |made: &Adjust| matches!(made.change, Change::Until(_));
        let stays_expired = self.is_expired() && !changes.iter().any(is_moved);
        if let Some(revoke) = revoked {
            self.end(EndReason::Revoked, revoke.at);
            return false;
        }
        if self.terms.revoked || stays_expired {
            return false;
        }
        if self.terms.left() > 0 {
            self.ended = None;
            return self.note_date(now);
        }
        if self.ended.is_none() || self.is_expired() {
            self.end(EndReason::Spent, now);
        }
        false
    }

    pub(super) fn end(&mut self, reason: EndReason, at: WallTime) {
        self.ended = Some(Ended { reason, at });
    }

    /// Ends the lease if its date has passed. Whether it did just now.
    pub(super) fn note_date(&mut self, now: WallTime) -> bool {
        let has_passed = self.ended.is_none() && self.terms.left() > 0;
        let date = self.terms.until.filter(|date| has_passed && *date <= now);
        if let Some(date) = date {
            self.end(EndReason::Expired, date);
        }
        date.is_some()
    }

    /// Notes why it ends, if nothing else ended it before: all looks are used.
    pub(super) fn note_spent(&mut self, now: WallTime) {
        if self.ended.is_none() {
            let last = self.counted.map(|counted| counted.at);
            self.end(EndReason::Spent, last.unwrap_or(now));
        }
    }

    /// Its end, also if nothing was done about it yet.
    pub(super) fn end_at(&self, now: WallTime) -> Option<Ended> {
        let is_over = self.terms.left() > 0 && self.terms.is_expired(now);
        let expired = self.terms.until.filter(|_| is_over);
        self.ended.or(expired.map(|at| Ended {
            reason: EndReason::Expired,
            at,
        }))
    }

    /// The date that may end it.
    pub(super) fn next_date(&self) -> Option<WallTime> {
        let is_live = self.ended.is_none() && self.terms.left() > 0;
        self.terms.until.filter(|_| is_live)
    }

    /// Whether its date has ended it.
    pub(super) const fn is_expired(&self) -> bool {
        matches!(
            self.ended,
            Some(Ended {
                reason: EndReason::Expired,
                ..
            })
        )
    }

    /// Looks that may still be taken.
    pub(super) const fn left(&self) -> u32 {
        if self.is_expired() {
            0
        } else {
            self.terms.left()
        }
    }

    /// Counts a look that was shown. A change that left none after it was begun cannot unshow it.
    pub(super) fn count(&mut self, view: ViewId, at: WallTime) -> Counted {
        let ordinal = self.terms.spend().unwrap_or_else(|| {
            self.terms.used = self.terms.used.saturating_add(1);
            self.terms.granted = self.terms.granted.max(self.terms.used);
            self.terms.used
        });
        let counted = Counted {
            view,
            ordinal,
            left: self.left(),
            at,
        };
        self.claim = None;
        self.unshown = None;
        self.counted = Some(counted);
        counted
    }

    /// Takes the servers' word for the number of the look that is about to be counted: our own
    /// count may be that of an older copy.
    pub(super) fn believe(&mut self, ordinal: u32) {
        self.terms.used = ordinal.saturating_sub(1);
        self.terms.granted = self.terms.granted.max(ordinal);
    }

    /// Whether looks are counted before the picture opens.
    pub(super) const fn is_strict(&self) -> bool {
        self.grant.lock.is_some()
    }

    /// Whether the picture of the look that is claimed has left this program.
    pub(super) fn is_handed_out(&self) -> bool {
        self.is_strict() && self.claim.is_some() && self.claim != self.unshown
    }

    /// Destroys the key.
    pub(super) fn erase_key(&mut self) {
        self.key.zeroize();
        self.key = None;
        if let Some(taken) = &mut self.taken {
            taken.give_back();
        }
    }

    /// Found on disk at start.
    pub(super) fn found(&mut self) {
        if let Some(taken) = &mut self.taken {
            taken.found();
        }
    }

    /// Whether the picture is waited for.
    pub(super) fn is_wanting(&self) -> bool {
        self.file == FileState::Missing && self.left() > 0
    }

    /// Whether no look is left and the picture still opens, or its file is not dealt with.
    pub(super) const fn is_ending(&self) -> bool {
        match self.file {
            FileState::Missing | FileState::Here => self.left() == 0,
            FileState::Emptying => true,
            FileState::Emptied | FileState::Gone => false,
        }
    }

    /// Whether these bytes are the picture of this grant.
    pub(super) fn is_picture(&self, size_bytes: usize, digest: Digest) -> bool {
        u32::try_from(size_bytes) == Ok(self.grant.picture_bytes) && digest == self.grant.picture
    }

    /// The question for the picture.
    pub(super) const fn picture_ask(&self) -> Note {
        let form = if self.run.only_whole {
            Form::Png
        } else {
            Form::Delta
        };
        let grant = self.grant.grant;
        Note::PictureAsk { grant, form }
    }

    /// How many entries were ever noted.
    pub(super) fn noted(&self) -> u64 {
        self.run.reported + self.unreported.len() as u64
    }

    /// Whether no more events fit until some are reported.
    pub(super) const fn is_full(&self) -> bool {
        self.unreported.len() >= UNREPORTED_MAX
    }

    /// A report of all entries that are durable, and how many are new in it; none if none is.
    pub(super) fn report(&self) -> Option<(Vec<LogEntry>, usize)> {
        let ready = self.run.durable.saturating_sub(self.run.reported);
        let count = usize::try_from(ready).ok()?.min(self.unreported.len());
        if count == 0 {
            return None;
        }
        let mut entries = self.context.clone();
        entries.extend_from_slice(&self.unreported[..count]);
        Some((entries, count))
    }

    /// The first entries are with the courier.
    pub(super) fn reported(&mut self, count: usize) {
        let count = count.min(self.unreported.len());
        for entry in self.unreported.drain(..count) {
            match entry.event {
                LogEvent::Granted { .. } => self.context = vec![entry],
                LogEvent::Viewed { .. } => {
                    self.context.truncate(1);
                    self.context.push(entry);
                }
                LogEvent::Received
                | LogEvent::Taken { .. }
                | LogEvent::Returned { .. }
                | LogEvent::Copied
                | LogEvent::Adjusted { .. }
                | LogEvent::Spent
                | LogEvent::Expired => {}
            }
        }
        self.run.reported += count as u64;
    }

    /// Whether the servers are to be told of looks without them: now and then, and when the looks
    /// go back.
    pub(super) fn checks_in(&self, now: Moment, at: WallTime) -> bool {
        let is_wanted = |taken: &Taken| taken.is_due(at) || taken.is_untold();
        self.run.check_in_at <= now
            && self.claim.is_none()
            && self.taken.as_ref().is_some_and(is_wanted)
    }

    /// Whether something is to be done again and again until it is done.
    pub(super) fn is_due(&self) -> bool {
        self.is_wanting()
            || self.is_ending()
            || self.taken.is_some()
            || self.run.durable > self.run.reported
    }

    /// The picture's file.
    pub(super) fn picture_file(&self) -> PictureFile {
        PictureFile::of_grant(Folder::Received, self.grant.grant)
    }

    /// Whether there is a file.
    pub(super) const fn has_file(&self) -> bool {
        !matches!(self.file, FileState::Missing | FileState::Gone)
    }

    /// Whether the file is to be deleted at the end.
    pub(super) const fn is_deleted_at_zero(&self) -> bool {
        matches!(self.grant.conditions.at_zero, AtZero::DeleteFile)
    }
}

fn generation(key: &[u8; 32]) -> Digest {
    Digest(blake3::derive_key("pentimento 1 grant generation", key))
}

/// The entry of an end by date.
pub(super) const fn expired(at: WallTime) -> LogEntry {
    let event = LogEvent::Expired;
    LogEntry { at, event }
}

const fn adjusted(adjust: &Adjust) -> LogEntry {
    LogEntry {
        at: adjust.at,
        event: LogEvent::Adjusted {
            owner_sequence: adjust.owner_sequence,
            change: adjust.change,
        },
    }
}

/// Whether a grant is one that its writer can give us.
pub(super) fn is_sound(grant: &Grant, owner: UserId, borrower: UserId) -> bool {
    GrantId::of(owner, borrower, &grant.name) == grant.grant
        && (1..=NAME_MAX_BYTES).contains(&grant.name.len())
        && (1..=NAME_MAX_BYTES).contains(&grant.owner_name.len())
        && grant.views <= VIEWS_MAX
        && grant.picture_bytes as usize <= MESSAGE_MAX_BYTES
        && grant.lock.is_some() == grant.conditions.strict
        && (grant.lock.is_some() || grant.conditions.offline == 0)
        && grant.lock.as_ref().is_none_or(|lock| is_sound_lock(lock))
        && grant
            .conditions
            .show_ms
            .is_none_or(|show| SHOW_MS.contains(&show))
}

fn is_sound_lock(lock: &Lock) -> bool {
    let servers = lock.share_hashes.len();
    (1..=SERVERS_MAX).contains(&servers) && (1..=servers).contains(&usize::from(lock.threshold))
}
