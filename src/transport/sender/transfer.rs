//! One message on its way: what was sent of it, what has arrived, what goes next.

use core::time::Duration;

use bytes::Bytes;

use super::{Config, SendFailure};
use crate::proto::cargo::{Cargo, Manifest};
use crate::proto::codec;
use crate::proto::ids::Digest;
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::time::Moment;
use crate::transport::bitmap::Bitmap;
use crate::transport::endpoint::Sending;
use crate::transport::message::{Cut, FIRST_CREDIT_BYTES, Piece, STATUS_WORDS, Standing, Status};

/// First wait after the receiver had no room; doubled each time up to the longest.
const BUSY_WAIT_MS: u64 = 50;
const BUSY_WAIT_MAX_MS: u64 = 2_000;

/// Sessions that may begin without any news of a transfer before its silence counts.
const VAIN_SESSIONS_MAX: u32 = 3;

/// What is known of a transfer under its present number.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) number: u32,
    pub(super) cut: Cut,
    acked: Bitmap,
    acked_count: u32,
    first_unacked: u32,
    lost: Bitmap,
    lost_count: u32,
    /// No lost fragment is below it.
    lost_from: u32,
    /// The first fragment that was never sent.
    cursor: u32,
    /// The first fragment that may not be sent.
    credit: u32,
    /// Pieces whose fate is unknown.
    in_flight: u32,
    /// Only so many fragments are sent until the receiver has told what it has of an earlier
    /// attempt: those that hold the manifest.
    ask_only: Option<u32>,
    /// A fragment to send although it was acknowledged, so that the receiver says how things
    /// stand.
    again: Option<u32>,
}

/// One message on its way.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) cargo: Cargo,
    /// Length and manifest.
    head: Vec<u8>,
    body: Bytes,
    total_bytes: u32,
    /// None until its first fragment leaves in this session.
    pub(super) run: Option<Run>,
    /// Whether anything of it was acknowledged under an earlier number.
    has_past: bool,
    /// When something of it was last heard, or the moment from which on silence counts.
    news_at: Moment,
    /// Sessions that began since there was news.
    vain_sessions: u32,
    paused_until: Option<Moment>,
    busy_count: u32,
    /// When the receiver is asked again how things stand, if nothing else is under way.
    nudge_at: Option<Moment>,
    nudges: u32,
    pub(super) has_progress: bool,
}

/// How a transfer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It does.
    Going,
    /// It has arrived.
    Delivered,
    /// It will not arrive.
    Failed(SendFailure),
}

impl Run {
    fn new(number: u32, cut: Cut, head_bytes: usize, has_past: bool) -> Self {
        let credit = cut.credit_at(FIRST_CREDIT_BYTES);
        // What may be sent at once anyway is not worth a round trip of asking.
        let asks = has_past && credit < cut.fragments;
        let head_fragments = (head_bytes as u32).div_ceil(cut.length);
        Self {
            number,
            cut,
            acked: Bitmap::default(),
            acked_count: 0,
            first_unacked: 0,
            lost: Bitmap::default(),
            lost_count: 0,
            lost_from: 0,
            cursor: 0,
            credit,
            in_flight: 0,
            ask_only: asks.then_some(head_fragments),
            again: None,
        }
    }

    fn is_ready(&self) -> bool {
        self.lost_count > 0 || self.cursor < self.limit() || self.again.is_some()
    }

    fn limit(&self) -> u32 {
        let limit = self.credit.min(self.cut.fragments);
        self.ask_only.map_or(limit, |count| count.min(limit))
    }

    /// The next fragment: one that was lost before one that was never sent.
    fn take(&mut self) -> Option<u32> {
        let index = if self.lost_count > 0 {
            let index = self.lost.first_set(self.lost_from)?;
            self.lost.clear(index);
            self.lost_count -= 1;
            self.lost_from = index;
            index
        } else if self.cursor < self.limit() {
            let index = self.cursor;
            self.cursor += 1;
            self.skip_acked();
            index
        } else {
            self.again.take()?
        };
        self.in_flight += 1;
        Some(index)
    }

    fn mark(&mut self, index: u32) -> bool {
        if index >= self.cut.fragments || !self.acked.set(index) {
            return false;
        }
        self.acked_count += 1;
        if self.lost_count > 0 && self.lost.clear(index) {
            self.lost_count -= 1;
        }
        if index == self.first_unacked {
            self.first_unacked = self.acked.first_clear(index);
        }
        true
    }

    /// Marks what a bitmap tells. Returns whether anything is new.
    fn mark_words(&mut self, first_missing: u32, words: &[u64]) -> bool {
        let before = self.acked_count;
        while self.first_unacked < first_missing {
            self.mark(self.first_unacked);
        }
        let blocks = (first_missing / u64::BITS..).zip(words.iter().take(STATUS_WORDS));
        for (block, word) in blocks {
            let mut word = *word;
            while word != 0 {
                self.mark(block * u64::BITS + word.trailing_zeros());
                word &= word - 1;
            }
        }
        self.skip_acked();
        self.acked_count > before
    }

    fn skip_acked(&mut self) {
        if self.acked.get(self.cursor) {
            self.cursor = self.acked.first_clear(self.cursor);
        }
    }

    /// How it stands.
    pub(super) const fn survey(&self) -> Sending {
        Sending {
            message: self.number,
            first_unacked: self.first_unacked,
            cursor: self.cursor,
            credit: self.credit,
        }
    }

    const fn is_all_acked(&self) -> bool {
        self.acked_count == self.cut.fragments
    }

    /// The fragment that makes the receiver say how things stand: if it has nothing left to ask
    /// for, the last one, which is the shortest.
    const fn asking_index(&self) -> u32 {
        if self.is_all_acked() {
            self.cut.fragments - 1
        } else {
            0
        }
    }
}

impl Transfer {
    /// None if it is too large to be sent.
    pub(super) fn new(
        now: Moment,
        cargo: Cargo,
        body: Bytes,
        digest: Option<Digest>,
    ) -> Option<Self> {
        let size_bytes = u32::try_from(body.len()).ok()?;
        if body.len() > MESSAGE_MAX_BYTES {
            return None;
        }
        let encoded = codec::encode(&Manifest {
            cargo,
            size_bytes,
            digest: digest.unwrap_or_else(|| Digest::of(&body)),
        });
        let mut head = Vec::with_capacity(2 + encoded.len());
        head.extend_from_slice(&u16::try_from(encoded.len()).ok()?.to_le_bytes());
        head.extend_from_slice(&encoded);
        let total = head.len() + body.len();
        let total_bytes = u32::try_from(total).ok()?;
        (total <= MESSAGE_MAX_BYTES).then(|| Self {
            cargo,
            head,
            body,
            total_bytes,
            run: None,
            has_past: false,
            news_at: now,
            vain_sessions: 0,
            paused_until: None,
            busy_count: 0,
            nudge_at: None,
            nudges: 0,
            has_progress: false,
        })
    }

    pub(super) const fn total_bytes(&self) -> u32 {
        self.total_bytes
    }

    /// Bytes that are not known to have arrived.
    pub(super) fn rest_bytes(&self) -> u32 {
        self.run.as_ref().map_or(self.total_bytes, |run| {
            (run.cut.fragments - run.acked_count).saturating_mul(run.cut.length)
        })
    }

    /// Bytes of the body that have arrived, and in all.
    pub(super) fn progress(&self) -> (u32, u32) {
        let arrived = self.run.as_ref().map_or(0, |run| {
            let last = run.cut.fragments - 1;
            let short = if run.acked.get(last) {
                run.cut.length - run.cut.size_of(last)
            } else {
                0
            };
            (run.acked_count * run.cut.length).saturating_sub(short)
        });
        let done_bytes = arrived.saturating_sub(self.head.len() as u32);
        (done_bytes, self.body.len() as u32)
    }

    /// Whether something of it may be sent now.
    pub(super) fn is_ready(&self) -> bool {
        self.paused_until.is_none() && self.run.as_ref().is_none_or(Run::is_ready)
    }

    /// Whether its number is this one.
    pub(super) fn has_number(&self, number: u32) -> bool {
        self.run.as_ref().is_some_and(|run| run.number == number)
    }

    /// Begins under a number, with fragments of this length.
    pub(super) fn begin(&mut self, now: Moment, number: u32, length: u32) {
        let cut = Cut::new(self.total_bytes, length);
        self.run = Some(Run::new(number, cut, self.head.len(), self.has_past));
        if self.is_patient() {
            self.news_at = now;
        }
    }

    /// Forgets its number: what was sent under it has no fate any more.
    pub(super) fn begin_again(&mut self) {
        if let Some(run) = self.run.take() {
            self.has_past |= run.acked_count > 0;
        }
        self.nudge_at = None;
        self.nudges = 0;
    }

    /// A session began: the receiver was heard, so its silence counts from now on.
    pub(super) fn begin_session(&mut self, now: Moment) {
        if self.is_patient() {
            self.news_at = now;
        }
        self.vain_sessions = self.vain_sessions.saturating_add(1);
        self.paused_until = None;
        self.begin_again();
    }

    /// The next piece. Only if it is ready and has a number.
    pub(super) fn take(&mut self) -> Option<Piece> {
        let run = self.run.as_mut()?;
        let index = run.take()?;
        self.nudge_at = None;
        Some(Piece {
            message: run.number,
            index,
        })
    }

    /// A piece that may help although nothing is to be sent: the oldest that is not acknowledged,
    /// else one that makes the receiver say how things stand.
    pub(super) fn probe(&mut self) -> Option<Piece> {
        let run = self.run.as_mut().filter(|_| self.paused_until.is_none())?;
        let oldest = Some(run.first_unacked).filter(|first| *first < run.cursor);
        run.in_flight += 1;
        self.nudge_at = None;
        Some(Piece {
            message: run.number,
            index: oldest.unwrap_or_else(|| run.asking_index()),
        })
    }

    /// Writes a fragment behind what is in `out`.
    pub(super) fn write(&self, cut: &Cut, index: u32, out: &mut Vec<u8>) {
        let start = cut.offset(index);
        let end = start + cut.size_of(index) as usize;
        let head = self.head.len();
        if start < head {
            out.extend_from_slice(&self.head[start..end.min(head)]);
        }
        out.extend_from_slice(&self.body[start.saturating_sub(head)..end.saturating_sub(head)]);
    }

    /// The data of a fragment that lies whole in the body.
    pub(super) fn body_of(&self, cut: &Cut, index: u32) -> Option<&[u8]> {
        let start = cut.offset(index).checked_sub(self.head.len())?;
        self.body.get(start..start + cut.size_of(index) as usize)
    }

    /// A piece has arrived. Returns whether all have.
    pub(super) fn on_acked(&mut self, now: Moment, index: u32) -> bool {
        let Some(run) = self.run.as_mut() else {
            return false;
        };
        run.in_flight = run.in_flight.saturating_sub(1);
        let is_new = run.mark(index);
        let is_all = run.is_all_acked();
        if is_new {
            self.on_news(now);
        }
        is_all
    }

    /// A piece is lost.
    pub(super) fn on_lost(&mut self, index: u32) {
        let Some(run) = self.run.as_mut() else {
            return;
        };
        run.in_flight = run.in_flight.saturating_sub(1);
        let is_missing = index < run.cut.fragments && !run.acked.get(index);
        if is_missing && run.lost.set(index) {
            run.lost_count += 1;
            run.lost_from = run.lost_from.min(index);
        }
    }

    /// The receiver's word.
    pub(super) fn on_status(&mut self, now: Moment, status: &Status) -> Fate {
        match status.standing {
            Standing::Complete => return Fate::Delivered,
            Standing::Damaged => return Fate::Failed(SendFailure::Damaged),
            Standing::Refused => return Fate::Failed(SendFailure::Refused),
            Standing::Busy => {
                self.pause(now);
                return Fate::Going;
            }
            Standing::Going => {}
        }
        let Some(run) = self.run.as_mut() else {
            return Fate::Going;
        };
        if status.first_missing > run.cut.fragments {
            return Fate::Going;
        }
        let has_answer = run.ask_only.take().is_some();
        let has_credit = status.credit > run.credit;
        run.credit = run.credit.max(status.credit.min(run.cut.fragments));
        if run.mark_words(status.first_missing, &status.words) || has_credit || has_answer {
            self.on_news(now);
        }
        Fate::Going
    }

    fn on_news(&mut self, now: Moment) {
        self.news_at = now;
        self.vain_sessions = 0;
        self.busy_count = 0;
        self.nudges = 0;
        self.has_progress = true;
    }

    /// The receiver has no room and has kept nothing.
    fn pause(&mut self, now: Moment) {
        let wait_ms = (BUSY_WAIT_MS << self.busy_count.min(8)).min(BUSY_WAIT_MAX_MS);
        self.paused_until = Some(now.after(Duration::from_millis(wait_ms)));
        self.busy_count += 1;
        self.begin_again();
        self.has_past = false;
    }

    /// Whether the receiver has the manifest under the present number.
    pub(super) fn has_told_head(&self) -> bool {
        self.run.as_ref().is_some_and(|run| {
            let head_fragments = (self.head.len() as u32).div_ceil(run.cut.length);
            run.first_unacked >= head_fragments
        })
    }

    /// When the receiver is to be asked how things stand.
    pub(super) const fn nudge_at(&self) -> Option<Moment> {
        self.nudge_at
    }

    /// Notes when to ask the receiver, if nothing is under way and nothing may be sent.
    pub(super) fn watch(&mut self, now: Moment, config: &Config) {
        let Some(run) = self.run.as_ref() else {
            return;
        };
        if run.in_flight > 0 || run.is_ready() {
            self.nudge_at = None;
        } else if self.nudge_at.is_none() {
            let wait_ms = config.nudge_ms << self.nudges.min(4);
            self.nudge_at = Some(now.after(Duration::from_millis(wait_ms)));
        }
    }

    /// When something has to be done although nothing is heard. `heard_at`: when anything was
    /// heard of the receiver.
    pub(super) fn deadline(&self, heard_at: Moment, config: &Config) -> Moment {
        let timers = [self.paused_until, self.nudge_at];
        let give_up_at = self.give_up_at(heard_at, config);
        timers.into_iter().flatten().fold(give_up_at, Moment::min)
    }

    /// Does what is due.
    pub(super) fn on_deadline(&mut self, now: Moment, heard_at: Moment, config: &Config) -> Fate {
        if now >= self.give_up_at(heard_at, config) {
            let is_busy = self.busy_count > 0;
            return Fate::Failed(if is_busy {
                SendFailure::Busy
            } else {
                SendFailure::Silent
            });
        }
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        if self.nudge_at.is_some_and(|at| at <= now) {
            self.nudge_at = None;
            self.nudges += 1;
            if let Some(run) = self.run.as_mut() {
                run.again = Some(run.asking_index());
            }
        }
        Fate::Going
    }

    /// Whether time counts only while something of it is under way.
    const fn is_patient(&self) -> bool {
        self.busy_count == 0 && self.vain_sessions < VAIN_SESSIONS_MAX
    }

    /// What has nothing under way is not let down by a receiver that answers others.
    fn give_up_at(&self, heard_at: Moment, config: &Config) -> Moment {
        let from = if self.run.is_none() && self.is_patient() {
            self.news_at.max(heard_at)
        } else {
            self.news_at
        };
        from.after(Duration::from_millis(config.give_up_ms))
    }
}
