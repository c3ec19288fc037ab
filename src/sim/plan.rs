//! What happens in a run besides the machines' own doings: the faults and the people's wishes, all
//! drawn from the seed.

use core::ops::Range;

use bytes::Bytes;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::network::Weather;
use super::swarm::{Swarm, Trouble};
use super::visits::Cheat;
use super::world::wall_time;
use crate::proto::control::{Carrier, Command};
use crate::proto::lease::{Change, Conditions};
use crate::proto::letter::ImageRef;
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
pub const END: u64 = 600 * SECOND;

/// Planned failures of most runs in milliseconds: short ones, so that more fit.
const SHORT_MS: (u32, u32) = (1_000, 5_000);
/// Those of the others: as long as in production.
const LONG_MS: (u32, u32) = (5_000, 20_000);

/// One thing that is done to the world.
#[derive(Clone, Debug)]
pub enum Act {
    /// Something begins to go wrong.
    Begin(Trouble),
    /// Whatever has begun to go wrong is over.
    Mend,
    /// Planned failures begin.
    TokenOn {
        /// Whether servers say goodbye.
        announced: bool,
    },
    /// Planned failures end.
    TokenOff,
    /// A person wishes.
    Wish(usize, Command),
    /// The owner shares the picture that looks are at, unless that is done.
    Share(Command),
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
    /// What can go wrong.
    pub swarm: Swarm,
    /// When what.
    pub acts: Vec<(u64, Act)>,
    /// Shortest and longest planned failure in milliseconds.
    pub hold_ms: (u32, u32),
}

impl Plan {
    /// Draws a run.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x0070_6c61_6e00);
        let weather = Weather::draw(&mut rng);
        let swarm = Swarm::draw(&mut rng);
        let mut acts = Vec::new();
        wishes(&mut rng, is_strict(seed), &mut acts);
        questions(seed, &mut acts);
        visits(seed, &mut acts);
        if let Some(announced) = swarm.planned {
            acts.push((3 * SECOND, Act::TokenOn { announced }));
            // Failures are over when everything has to be well.
            let off = if swarm.holder_dies { 3 } else { 20 };
            acts.push((CALM - off * SECOND, Act::TokenOff));
        }
        if swarm.holder_dies {
            let at = rng.random_range(5 * SECOND..10 * SECOND);
            acts.push((at, Act::Begin(Trouble::HolderDies)));
        } else {
            rounds(&mut rng, &swarm, &mut acts);
        }
        acts.sort_by_key(|(at, _)| *at);
        // Drawn last: so a seed is otherwise what it was.
        let is_long = !swarm.holder_dies && rng.random_bool(0.3);
        Self {
            weather,
            swarm,
            acts,
            hold_ms: if is_long { LONG_MS } else { SHORT_MS },
        }
    }
}

/// Pictures to hide, one to share, looks at it and changes of the grant.
fn wishes(rng: &mut ChaCha20Rng, strict: bool, acts: &mut Vec<(u64, Act)>) {
    let sometime = |rng: &mut ChaCha20Rng| rng.random_range(FIRST_WISH..CALM - 15 * SECOND);
    for number in 0..rng.random_range(2..6) {
        let who = if rng.random_bool(0.5) { ALICE } else { BOB };
        let size = if rng.random_bool(0.7) { 5_000 } else { 120_000 };
        let original = noise(rng, 0..size);
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
        original: Some(noise(rng, 0..8_000)),
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
    // Once more, because what fails may fail this too.
    for at in [FIRST_WISH, FIRST_WISH + 16 * SECOND] {
        acts.push((at, Act::Share(share.clone())));
    }
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
        original: noise(&mut rng, 0..5_000),
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

/// Bytes of a picture, so many; one at least, since an empty picture is refused.
pub fn noise(rng: &mut ChaCha20Rng, sizes: Range<usize>) -> Bytes {
    let mut bytes = vec![0; rng.random_range(sizes).max(1)];
    rng.fill_bytes(&mut bytes);
    bytes.into()
}

/// Troubles one after the other, one or two at a time, with quiet between. Pictures under way make
/// them hurt.
fn rounds(rng: &mut ChaCha20Rng, swarm: &Swarm, acts: &mut Vec<(u64, Act)>) {
    let mut at = 5 * SECOND;
    while !swarm.troubles.is_empty() {
        // Some outlast any client's patience.
        let long = if rng.random_bool(0.2) { 18 * SECOND } else { 0 };
        let lasts = long + rng.random_range(swarm.lasts_us.clone());
        if at + lasts > CALM - 2 * SECOND {
            return;
        }
        for who in [ALICE, BOB] {
            let command = Command::Hide {
                name: format!("hurt-{at}"),
                original: noise(rng, 0..120_000),
                carrier: Carrier::default(),
            };
            let before = rng.random_range(20_000..250_000);
            acts.push((at - before, Act::Wish(who, command)));
        }
        for _ in 0..rng.random_range(1..=2) {
            let chosen = rng.random_range(0..swarm.troubles.len());
            acts.push((at, Act::Begin(swarm.troubles[chosen])));
        }
        acts.push((at + lasts, Act::Mend));
        at += lasts + rng.random_range(swarm.quiet_us.clone());
    }
}
