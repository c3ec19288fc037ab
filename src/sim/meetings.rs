//! Two users with boxes and walls between them: do they meet, and is the way that is told right?
//!
//! One shares a picture, the other looks at it, and each asks how the other one is reached. What
//! must be so follows from what stands between them. In some runs the server that passes datagrams
//! on crashes, or one fails on purpose, and they must meet through another one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::cast;
use super::network::Weather;
use super::node::{Happening, Role};
use super::plan::{ALICE, BOB, SERVERS};
use super::translation::{Mapping, Translation};
use super::world::{Seen, World};
use crate::node::config::TokenConfig;
use crate::proto::control::{Carrier, Command, News, Outcome, Report, Wish};
use crate::proto::ids::{GrantId, NodeId, WishId};
use crate::proto::lease::Conditions;
use crate::proto::route::Reached;

const SECOND: u64 = 1_000_000;
/// A wish must be fulfilled within this, however often it has to be repeated.
const PATIENCE: u64 = 40 * SECOND;
/// A person repeats a wish that failed after this.
const AGAIN: u64 = SECOND / 2;

/// What stands between two users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scene {
    /// The box before Alice.
    pub alice: Option<Mapping>,
    /// The box before Bob.
    pub bob: Option<Mapping>,
    /// Whether nothing passes between them, whatever they send.
    pub wall: bool,
    /// Whether the server that passes on crashes while they talk.
    pub crash: bool,
}

impl Scene {
    /// Every scene is drawn from some seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mapping = |rng: &mut ChaCha20Rng| match rng.random_range(0..3) {
            0 => None,
            1 => Some(Mapping::Cone),
            _ => Some(Mapping::Symmetric),
        };
        Self {
            alice: mapping(&mut rng),
            bob: mapping(&mut rng),
            wall: rng.random_bool(0.2),
            crash: rng.random_bool(0.5),
        }
    }

    /// Whether users in this scene can reach each other directly: a hole that one makes is of use
    /// only if the other is sent through it from where they were told.
    #[must_use]
    pub const fn is_direct(&self) -> bool {
        let is_hard = matches!(
            (self.alice, self.bob),
            (Some(Mapping::Symmetric), Some(_)) | (Some(_), Some(Mapping::Symmetric))
        );
        !self.wall && !is_hard
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// What stood between them.
    pub scene: Scene,
    /// What was told and what happened, if anything of it is wrong.
    pub wrong: Option<String>,
    /// Microseconds from the wish to share to the picture at the other side.
    pub shared_us: u64,
    /// Digest over everything that happened.
    pub trace: String,
}

/// Runs one seed.
#[must_use]
pub fn run(seed: u64) -> Meeting {
    let scene = Scene::draw(seed);
    let mut run = Run::new(seed, scene);
    let wrong = run.play().err();
    Meeting {
        scene,
        wrong: wrong.map(|wrong| format!("seed {seed}, {scene:?}: {wrong}")),
        shared_us: run.shared_us,
        trace: run.world.trace().to_hex().to_string(),
    }
}

struct Run {
    scene: Scene,
    world: World,
    rng: ChaCha20Rng,
    wishes: u64,
    told: BTreeMap<(usize, u64), News>,
    shared_us: u64,
}

impl Run {
    fn new(seed: u64, scene: Scene) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(!seed);
        let weather = Weather {
            loss: rng.random_range(0.0..0.05),
            ..Weather::draw(&mut rng)
        };
        let mut world = World::new(seed, weather);
        cast::add(
            &mut world,
            SERVERS,
            &["alice", "bob"],
            TokenConfig::default(),
        );
        for (place, mapping) in [(ALICE, scene.alice), (BOB, scene.bob)] {
            let inside = world.role(place).addresses();
            let (Some(mapping), Role::Client(..), [inside]) =
                (mapping, world.role(place), inside.as_slice())
            else {
                continue;
            };
            let outside = IpAddr::from([203, 0, 113, place as u8]);
            let own = Translation::new(mapping, *inside, outside);
            world.boxes.insert(place, own);
        }
        world.cuts.between(ALICE, BOB, scene.wall);
        Self {
            scene,
            world,
            rng,
            wishes: 0,
            told: BTreeMap::new(),
            shared_us: 0,
        }
    }

    fn play(&mut self) -> Result<(), String> {
        for node in 0..=BOB {
            self.world.start(node);
        }
        self.go_on(3 * SECOND);
        let began_us = self.world.now();
        let grant = self.share("first")?;
        self.look(grant)?;
        self.shared_us = self.world.now() - began_us;
        let relay = self.expect_way()?;
        if let (Some(NodeId(relay)), true) = (relay, self.scene.crash) {
            self.world.crash(usize::from(relay) - 1);
            let grant = self.share("second")?;
            self.look(grant)?;
            if self.expect_way()? == Some(NodeId(relay)) {
                return Err(format!("a dead server is said to pass on: {relay}"));
            }
        }
        let passed = |one, other| self.world.passed.get(&(one, other)).copied();
        let between = (passed(ALICE, BOB), passed(BOB, ALICE));
        match (self.scene.is_direct(), between) {
            (true, (Some(_), Some(_))) | (false, (None, None)) => Ok(()),
            _ => Err(format!("datagrams between them: {between:?}")),
        }
    }

    /// Alice shares a picture; gives the grant.
    fn share(&mut self, name: &str) -> Result<GrantId, String> {
        let mut original = vec![0; self.rng.random_range(1_000..60_000)];
        self.rng.fill_bytes(&mut original);
        let command = Command::Share {
            name: name.into(),
            original: Some(Bytes::from(original)),
            to: "bob".into(),
            views: 3,
            conditions: Conditions::default(),
            carrier: Carrier::default(),
            keep_metadata: false,
        };
        self.insist(ALICE, &command, &mut |outcome| match outcome {
            Outcome::Shared { grant, .. } => Some(*grant),
            _ => None,
        })
    }

    /// Bob looks, as soon as the picture is there.
    fn look(&mut self, grant: GrantId) -> Result<(), String> {
        let view = Command::View(grant.hex());
        let view = self.insist(BOB, &view, &mut |outcome| match outcome {
            Outcome::Opened { view, .. } => Some(*view),
            _ => None,
        })?;
        self.insist(BOB, &Command::Shown(view), &mut |outcome| match outcome {
            Outcome::Counted { .. } => Some(()),
            _ => None,
        })
    }

    /// Both are told the way that follows from the scene, while they talk; gives the relay.
    fn expect_way(&mut self) -> Result<Option<NodeId>, String> {
        let end = self.world.now() + 20 * SECOND;
        let mut last = (None, None);
        while self.world.now() < end {
            let gallery = Command::Gallery(Some("bob".into()));
            self.wish(ALICE, gallery);
            self.go_on(SECOND);
            let one = self.way(ALICE, "bob")?;
            let other = self.way(BOB, "alice")?;
            last = (one, other);
            match last {
                (Some(Reached::Direct), Some(Reached::Direct)) if self.scene.is_direct() => {
                    return Ok(None);
                }
                (Some(Reached::Relayed(one)), Some(Reached::Relayed(other)))
                    if !self.scene.is_direct()
                        && one == other
                        && self.world.is_up(usize::from(one.0) - 1) =>
                {
                    return Ok(Some(one));
                }
                _ => {}
            }
        }
        Err(format!("the ways told at last: {last:?}"))
    }

    fn way(&mut self, who: usize, name: &str) -> Result<Option<Reached>, String> {
        self.insist(who, &Command::Peers, &mut |outcome| match outcome {
            Outcome::Peers { peers, .. } => {
                let mut peers = peers.iter().filter(|peer| peer.name == name);
                peers.next().map(|peer| peer.reached)
            }
            _ => None,
        })
    }

    /// Wishes until it is fulfilled.
    fn insist<T>(
        &mut self,
        who: usize,
        command: &Command,
        wanted: &mut dyn FnMut(&Outcome) -> Option<T>,
    ) -> Result<T, String> {
        let end = self.world.now() + PATIENCE;
        let mut last = String::from("no word");
        while self.world.now() < end {
            let id = self.wish(who, command.clone());
            while self.world.now() < end {
                match self.told.remove(&(who, id)) {
                    Some(News::Done(outcome)) => match wanted(&outcome) {
                        Some(wanted) => return Ok(wanted),
                        None => last = format!("{outcome:?}"),
                    },
                    Some(News::Failed(failure)) => last = format!("{failure:?}"),
                    Some(_) | None => {
                        self.go_on(SECOND / 50);
                        continue;
                    }
                }
                break;
            }
            self.go_on(AGAIN);
        }
        let command: String = format!("{command:?}").chars().take(60).collect();
        Err(format!("{command}: {last}"))
    }

    fn wish(&mut self, who: usize, command: Command) -> u64 {
        self.wishes += 1;
        let id = WishId(self.wishes);
        let seen = self.world.poke(who, Happening::Wish(Wish { id, command }));
        self.watch(seen);
        self.wishes
    }

    fn go_on(&mut self, micros: u64) {
        let end = self.world.now() + micros;
        while let Some(seen) = self.world.step(end) {
            self.watch(seen);
        }
    }

    fn watch(&mut self, seen: Vec<(usize, Seen)>) {
        for (who, seen) in seen {
            if let Seen::Told(Report { wish, news }) = seen {
                self.told.insert((who, wish.0), news);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::thread;

    use super::*;

    #[test]
    fn users_meet_whatever_stands_between_them() {
        let halves = [0..60, 60..120];
        let meetings: Vec<Meeting> = thread::scope(|scope| {
            let runs = halves.map(|seeds| scope.spawn(move || seeds.map(run).collect::<Vec<_>>()));
            let met = runs.map(|one| one.join().expect("no run panics"));
            met.into_iter().flatten().collect()
        });
        let wrong: Vec<_> = meetings
            .iter()
            .filter_map(|met| met.wrong.clone())
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let scenes: BTreeSet<_> = meetings.iter().map(|met| met.scene).collect();
        assert!(scenes.len() > 25, "{} of 36 scenes", scenes.len());
    }

    #[test]
    fn the_same_seed_is_the_same_meeting() {
        assert_eq!(run(3), run(3));
    }
}
