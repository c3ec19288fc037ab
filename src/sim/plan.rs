//! What happens in a run besides the machines' own doings: the faults and the people's wishes, all
//! drawn from the seed, and the record of what was wished.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::network::Weather;
use super::visits::Cheat;
use super::world::wall_time;
use crate::proto::control::{Carrier, Command, News, Reason};
use crate::proto::ids::{GrantId, WishId};
use crate::proto::lease::{Change, Conditions, LogEntry};
use crate::proto::letter::ImageRef;
use crate::proto::outcome::{Lease, OpenAsk};
use crate::time::WallTime;

/// Servers in the world; they have the places 0 to 2.
pub const SERVERS: usize = 3;
/// Alice's place.
pub const ALICE: usize = 3;
/// Bob's place.
pub const BOB: usize = 4;

/// Name of the picture that Alice shares by hand.
pub const SHARED: &str = "shared";
/// Name of the picture that Bob asks for.
const OFFERED: &str = "offered";

const SECOND: u64 = 1_000_000;
/// When people begin to wish.
const FIRST_WISH: u64 = 4 * SECOND;
/// When the faults end.
pub const CALM: u64 = 60 * SECOND;
/// When the run ends, at the latest.
pub const END: u64 = 240 * SECOND;

/// One thing that is done to the world.
#[derive(Clone, Debug)]
pub enum Act {
    /// A node ends without warning.
    Crash(usize),
    /// A node begins.
    Start(usize),
    /// A server is cut off from everybody.
    Isolate(usize),
    /// All cuts are mended.
    Mend,
    /// Planned failures begin.
    TokenOn {
        /// Whether servers say goodbye.
        announced: bool,
    },
    /// Planned failures end.
    TokenOff,
    /// The weather changes.
    Weather(Weather),
    /// A person wishes.
    Wish(usize, Command),
    /// A person opens their newest lease.
    View,
    /// The owner changes the grant.
    Adjust(Change),
    /// The borrower takes their newest question back.
    Withdraw,
    /// The owner gives their word on that question.
    Decide(Option<u32>),
    /// A client cheats when it asks others, from now on.
    Cheat(usize, Option<Cheat>),
}

/// A run as the seed wants it: acts in the order of their times, in microseconds.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The weather at the beginning.
    pub weather: Weather,
    /// When what.
    pub acts: Vec<(u64, Act)>,
    /// Whether each planned failure is kept short, so that more of them fit a run.
    pub hold_ms: (u32, u32),
}

impl Plan {
    /// Draws a run.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x0070_6c61_6e00);
        let weather = Weather::draw(&mut rng);
        let mut acts = Vec::new();
        wishes(&mut rng, is_strict(seed), &mut acts);
        questions(seed, &mut acts);
        visits(seed, &mut acts);
        outages(&mut rng, &mut acts);
        if rng.random_bool(0.6) {
            let announced = rng.random_bool(0.5);
            acts.push((3 * SECOND, Act::TokenOn { announced }));
            acts.push((CALM - 20 * SECOND, Act::TokenOff));
        }
        acts.push((CALM, Act::Weather(Weather::FAIR)));
        acts.push((CALM, Act::Mend));
        acts.sort_by_key(|(at, _)| *at);
        Self {
            weather,
            acts,
            hold_ms: (1_000, 5_000),
        }
    }
}

/// Pictures to hide, one to share, looks at it and changes of the grant.
fn wishes(rng: &mut ChaCha20Rng, strict: bool, acts: &mut Vec<(u64, Act)>) {
    let sometime = |rng: &mut ChaCha20Rng| rng.random_range(FIRST_WISH..CALM - 15 * SECOND);
    for number in 0..rng.random_range(2..6) {
        let who = if rng.random_bool(0.5) { ALICE } else { BOB };
        let size = if rng.random_bool(0.7) { 5_000 } else { 120_000 };
        let original = noise(rng, size);
        let name = format!("picture-{number}");
        acts.push((
            sometime(rng),
            Act::Wish(
                who,
                Command::Hide {
                    name,
                    original,
                    carrier: Carrier::default(),
                },
            ),
        ));
    }
    let share = Command::Share {
        name: SHARED.into(),
        original: Some(noise(rng, 8_000)),
        to: "bob".into(),
        views: rng.random_range(1..4),
        conditions: Conditions {
            until: rng.random_bool(0.4).then(|| date(rng)),
            strict,
            ..Conditions::default()
        },
        carrier: Carrier::default(),
        keep_metadata: false,
    };
    acts.push((FIRST_WISH, Act::Wish(ALICE, share)));
    for _ in 0..rng.random_range(2..8) {
        acts.push((sometime(rng), Act::View));
    }
    for _ in 0..rng.random_range(0..5) {
        let change = match rng.random_range(0..14) {
            0..5 => Change::Add(rng.random_range(1..3)),
            5..7 => Change::Sub(1),
            7 => Change::Set(rng.random_range(0..4)),
            8 => Change::Refund,
            9..13 => Change::Until(rng.random_bool(0.7).then(|| date(rng))),
            _ => Change::Revoke,
        };
        acts.push((sometime(rng), Act::Adjust(change)));
    }
    acts.push((CALM + 30 * SECOND, Act::View));
}

/// Whether the servers count the looks of a run's grant.
const fn is_strict(seed: u64) -> bool {
    seed % 5 < 2
}

/// An end date somewhere in the part of the run in which people wish.
fn date(rng: &mut ChaCha20Rng) -> WallTime {
    wall_time(rng.random_range(FIRST_WISH + 5 * SECOND..CALM + 20 * SECOND))
}

/// Questions for an offered picture, taken back and answered as it happens, often at once.
fn questions(seed: u64, acts: &mut Vec<(u64, Act)>) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x0061_736b_7300);
    let offer = Command::Offer {
        name: OFFERED.into(),
        original: noise(&mut rng, 5_000),
        keep_metadata: true,
    };
    acts.push((FIRST_WISH, Act::Wish(ALICE, offer)));
    for _ in 0..rng.random_range(0..3) {
        let at = rng.random_range(FIRST_WISH + 2 * SECOND..CALM - 15 * SECOND);
        let ask = Command::Ask {
            peer: "alice".into(),
            image: ImageRef::Name(OFFERED.into()),
            views: 1,
            remark: String::new(),
            wait_ms: if rng.random_bool(0.5) { 0 } else { 3_000 },
        };
        acts.push((at, Act::Wish(BOB, ask)));
        let soon = |rng: &mut ChaCha20Rng| at + rng.random_range(SECOND / 2..4 * SECOND);
        if rng.random_bool(0.6) {
            acts.push((soon(&mut rng), Act::Withdraw));
        }
        if rng.random_bool(0.6) {
            let views = rng.random_bool(0.7).then_some(1);
            acts.push((soon(&mut rng), Act::Decide(views)));
        }
    }
}

/// Looks at a gallery, some by a client that cheats for a while.
fn visits(seed: u64, acts: &mut Vec<(u64, Act)>) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x0076_6973_6900);
    let mut at = FIRST_WISH + SECOND;
    for _ in 0..rng.random_range(0..4) {
        let cheat = match rng.random_range(0..6) {
            0 => Some(Cheat::None),
            1 => Some(Cheat::Longer),
            2 => Some(Cheat::Stolen),
            _ => None,
        };
        at += rng.random_range(SECOND..8 * SECOND);
        acts.push((at, Act::Cheat(BOB, cheat)));
        let gallery = Command::Gallery(Some("alice".into()));
        acts.push((at, Act::Wish(BOB, gallery)));
        at += 6 * SECOND;
        acts.push((at, Act::Cheat(BOB, None)));
    }
}

fn noise(rng: &mut ChaCha20Rng, size_max: usize) -> Bytes {
    let mut bytes = vec![0; rng.random_range(0..size_max)];
    rng.fill_bytes(&mut bytes);
    bytes.into()
}

/// Servers crash or are cut off, one at a time, so that one always lives even while another fails
/// on purpose; clients crash at any time.
fn outages(rng: &mut ChaCha20Rng, acts: &mut Vec<(u64, Act)>) {
    let mut at = 5 * SECOND;
    while at < CALM - 28 * SECOND {
        let server = rng.random_range(0..SERVERS);
        // Some outages last longer than any client waits.
        let long = if rng.random_bool(0.3) { 18 * SECOND } else { 0 };
        let long = long + rng.random_range(SECOND / 10..8 * SECOND);
        match rng.random_range(0..4) {
            0..2 => {
                // Pictures under way make the crash hurt.
                for who in [ALICE, BOB] {
                    let name = format!("hurt-{at}");
                    let original = noise(rng, 120_000);
                    let command = Command::Hide {
                        name,
                        original,
                        carrier: Carrier::default(),
                    };
                    let before = rng.random_range(20_000..250_000);
                    acts.push((at - before, Act::Wish(who, command)));
                }
                acts.push((at, Act::Crash(server)));
                acts.push((at + long, Act::Start(server)));
            }
            2 => {
                acts.push((at, Act::Isolate(server)));
                acts.push((at + long, Act::Mend));
            }
            _ => {}
        }
        at += long + rng.random_range(2 * SECOND..10 * SECOND);
    }
    if rng.random_bool(0.5) {
        let who = if rng.random_bool(0.3) { ALICE } else { BOB };
        let at = rng.random_range(6 * SECOND..CALM - 10 * SECOND);
        acts.push((at, Act::Crash(who)));
        acts.push((at + rng.random_range(SECOND..9 * SECOND), Act::Start(who)));
    }
    if rng.random_bool(0.1) {
        let at = CALM - 11 * SECOND;
        for server in 0..SERVERS {
            acts.push((at, Act::Crash(server)));
            acts.push((
                at + rng.random_range(SECOND..4 * SECOND),
                Act::Start(server),
            ));
        }
    }
}

/// What a person wished, and how it ended.
#[derive(Clone, Debug)]
pub struct Wished {
    /// The person's place.
    pub who: usize,
    /// The command, without its bytes.
    pub kind: WishKind,
    /// How often the client has been started when it was wished: a crash loses the answer.
    pub life: u32,
    /// Whether a final report came.
    pub ended: Option<Result<(), Reason>>,
    /// Whether all servers were down at some time while it was open.
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
    View,
    /// The word that a look was shown.
    Shown,
    /// A change of a grant.
    Adjust(Change),
    /// A question taken back.
    Withdraw,
    /// The owner's word on a question; perhaps it makes a picture.
    Decide,
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
}

impl Wishes {
    /// Records a wish and gives it a number.
    pub fn add(&mut self, who: usize, kind: WishKind, life: u32) -> WishId {
        self.last += 1;
        let id = WishId(self.last);
        self.open.insert(
            (who, id),
            Wished {
                who,
                kind,
                life,
                ended: None,
                outage: false,
            },
        );
        id
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

    /// Marks open wishes: no server could have answered them for a while.
    pub fn outage(&mut self) {
        for wished in self
            .open
            .values_mut()
            .filter(|wished| wished.ended.is_none())
        {
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
