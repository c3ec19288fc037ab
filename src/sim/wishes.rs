//! The record of what people wished in a run and how it ended, and how things stand at its end.
//!
//! A wish that was fulfilled must stay so. One that failed or was never answered may have taken
//! effect or not: nothing is concluded from it.

use std::collections::{BTreeMap, BTreeSet};

use crate::proto::control::{News, Reason};
use crate::proto::ids::{GrantId, ViewId, WishId};
use crate::proto::lease::{Change, LogEntry};
use crate::proto::outcome::{Lease, OpenAsk};
use crate::sim::disk::Manner;

/// What a person wished, and how it ended.
#[derive(Clone, Debug)]
pub struct Wished {
    /// The person's place.
    pub who: usize,
    /// The command, without its bytes.
    pub kind: WishKind,
    /// How often the client has been started when it was wished: a crash loses the answer.
    pub life: u32,
    /// When it was wished, in microseconds.
    pub at_us: u64,
    /// Whether a final report came.
    pub ended: Option<Result<(), Reason>>,
    /// Whether the person could not reach any server that answers, or stood still, at some time
    /// while it was open.
    pub outage: bool,
}

/// What kind of wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WishKind {
    /// A picture hidden for oneself.
    Hide,
    /// A picture shared.
    Share,
    /// A look.
    View(GrantId),
    /// The word that a look was shown.
    Shown(ViewId),
    /// A change of a grant.
    Adjust(GrantId, Change),
    /// A question taken back.
    Withdraw,
    /// The owner's word on a question; perhaps it makes a picture.
    Decide,
    /// A picture of one's own opened again.
    Reveal,
    /// A question of the run itself.
    Probe,
}

impl WishKind {
    /// Whether a server may have to make a picture for it.
    #[must_use]
    pub const fn makes_picture(self) -> bool {
        matches!(self, Self::Hide | Self::Share | Self::Decide)
    }
}

/// The record of all wishes of a run, by client and number.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    open: BTreeMap<(usize, WishId), Wished>,
    last: u64,
    /// Who reaches no server now, or stands still.
    away: BTreeSet<usize>,
    /// Whether disks fail, are full or lose answers in this run.
    pub disks_fail: bool,
    /// Whether disks lose answers in this run: then a step may end by its time alone.
    pub disks_mute: bool,
}

impl Wishes {
    /// Of a run whose disks fail, or lose answers, or do not.
    #[must_use]
    pub fn new(manner: &Manner) -> Self {
        let disks_mute = manner.mute > 0.0;
        Self {
            disks_fail: manner.fails > 0.0 || disks_mute,
            disks_mute,
            ..Self::default()
        }
    }

    /// Records a wish and gives it a number.
    pub fn add(&mut self, at_us: u64, who: usize, kind: WishKind, life: u32) -> WishId {
        self.last += 1;
        let id = WishId(self.last);
        self.open.insert(
            (who, id),
            Wished {
                who,
                kind,
                life,
                at_us,
                ended: None,
                outage: self.away.contains(&who),
            },
        );
        id
    }

    /// The number of the next wish.
    #[must_use]
    pub const fn next(&self) -> WishId {
        WishId(self.last + 1)
    }

    /// A wish.
    #[must_use]
    pub fn get(&self, who: usize, id: WishId) -> Option<&Wished> {
        self.open.get(&(who, id))
    }

    /// All wishes.
    pub fn iter(&self) -> impl Iterator<Item = &Wished> {
        self.open.values()
    }

    /// Notes whether a person reaches a server that answers. While they do not, nobody has to
    /// fulfil their wishes.
    pub fn reaches(&mut self, who: usize, reaches: bool) {
        if reaches {
            self.away.remove(&who);
            return;
        }
        self.away.insert(who);
        let open = self.open.values_mut();
        for wished in open.filter(|wished| wished.who == who && wished.ended.is_none()) {
            wished.outage = true;
        }
    }

    /// Notes a report.
    pub fn note(&mut self, who: usize, id: WishId, news: &News) {
        let Some(wished) = self.open.get_mut(&(who, id)) else {
            return;
        };
        match news {
            News::Progress(_) | News::Noticed(_) => {}
            News::Done(_) => wished.ended = Some(Ok(())),
            News::Failed(failure) => wished.ended = Some(Err(failure.reason)),
        }
    }
}

/// How things stand at the end of a run.
#[derive(Debug, Default)]
pub struct Done {
    /// All wishes.
    pub wishes: Wishes,
    /// How often each node has been started.
    pub lives: BTreeMap<usize, u32>,
    /// The grants as each client tells them.
    pub leases: BTreeMap<usize, Vec<Lease>>,
    /// The logs as each client tells them.
    pub logs: BTreeMap<usize, Vec<(GrantId, LogEntry)>>,
    /// The questions as each client tells them.
    pub asks: BTreeMap<usize, Vec<OpenAsk>>,
}
