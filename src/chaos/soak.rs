//! `soak`: a long scenario with real processes, in which everything fails that can, drawn from a
//! seed.
//!
//! It is a scenario like those in files: the report holds its text, and `replay` plays it again. At
//! any time a majority of the servers is meant to be there; which one fails, how, and for how long
//! is drawn. Before and after a disk is lost nothing else is drawn, because what a majority has
//! promised is gone with the disks of a majority; with five servers a planned failure may fall
//! there, which takes nothing from a disk.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::members::MEMBERS;

/// Nobody is hurt any more so long before the end.
const CALM_S: f64 = 5.0;
/// Nothing else is drawn so long before and after a disk is lost.
const QUIET_S: f64 = 12.0;

/// How long, and what fails.
#[derive(Clone, Debug, Args)]
pub struct SoakArguments {
    /// How long
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0)]
    #[arg(value_parser = minutes)]
    minutes: f64,
    /// What is drawn follows it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Servers, 3 to 5
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=5))]
    servers: u8,
    /// Orders to the ledger a second
    #[arg(long, value_name = "N", default_value_t = 100.0)]
    orders: f64,
    /// Seconds from one fault to the next, on average
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    every: f64,
    /// What fails
    #[arg(long, value_enum, default_value_t = Faults::All)]
    faults: Faults,
    /// Where the ledger lies; `etcd` starts three members of its own
    #[arg(long, value_enum, default_value_t = StoreWord::Embedded)]
    store: StoreWord,
    /// Folder for report.json and report.html [default: target/chaos/soak-SEED]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What fails in a soak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Faults {
    /// Crashes of any server, pauses, slowness, cuts both ways and one way, loss, full disks and
    /// lost ones; with five servers the failure token too
    All,
    /// All but full disks, which need the rights of an administrator
    Unprivileged,
    /// The leader of the ledger crashes, again and again
    Leader,
    /// The failure token goes round without a pause, and every failure is announced
    Token,
    /// The same, and every failure is abrupt
    AbruptToken,
    /// Nothing, but every core is kept busy all the while: no server may take another one for lost
    Busy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StoreWord {
    Embedded,
    Etcd,
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|_| "write a number of minutes")?;
    if (0.5..=60.0).contains(&minutes) {
        Ok(minutes)
    } else {
        Err("write 0.5 to 60".to_owned())
    }
}

impl SoakArguments {
    /// Where the reports go.
    pub(super) fn out(&self) -> PathBuf {
        let named = || PathBuf::from(format!("target/chaos/soak-{}", self.seed));
        self.out.clone().unwrap_or_else(named)
    }

    /// The scenario.
    pub(super) fn scenario(&self) -> String {
        let mut text = self.head();
        let steps = match self.faults {
            Faults::All | Faults::Unprivileged | Faults::Leader => self.steps(),
            Faults::Token | Faults::AbruptToken | Faults::Busy => Vec::new(),
        };
        for (at_s, what) in &steps {
            let _ = write!(text, "\n[[step]]\nat_s = {at_s:.1}\ndo = \"{what}\"\n");
        }
        let _ = write!(
            text,
            "\n[thresholds]\n\"faults.count\" = \">={}\"\n\"failures.count\" = \">={:.0}\"\n\
             \"orders.open\" = \"<1\"\n\"orders.per_s\" = \">={:.0}\"\n",
            steps.len() * 9 / 10,
            (self.minutes * self.failures_a_minute()).floor(),
            self.orders / if self.is_token() { 4.0 } else { 2.0 }
        );
        if self.is_token() {
            text.push_str("\"request.failed\" = \"<0.001%\"\n");
        }
        if self.faults == Faults::Busy {
            text.push_str("\"suspicions.count\" = \"<1\"\n\"takeovers.count\" = \"<1\"\n");
        }
        text
    }

    fn head(&self) -> String {
        let Self {
            seed,
            servers,
            orders,
            ..
        } = self;
        let length_s = self.minutes * 60.0;
        let ledger = match self.store {
            StoreWord::Embedded => "embedded",
            StoreWord::Etcd => "etcd",
        };
        let busy = self.faults == Faults::Busy;
        let mut text = format!(
            "schema = 1\nname = \"soak\"\nseed = {seed}\nmode = \"process\"\n\n[cluster]\n\
             nodes = {servers}\nclients = [\"alice\", \"bob\", \"carol\"]\n\
             counted_by = \"servers\"\nledger = \"{ledger}\"\nbusy = {busy}\nheal_disks = true\n\n\
             [orders]\npeople = 16\nrate_per_s = {orders:?}\n"
        );
        if let Some((pause_s, silent, announced)) = self.token() {
            let _ = write!(
                text,
                "\n[token]\nhold_s = [5.0, 20.0]\npause_s = {pause_s:?}\n\
                 fault = {{ silent = {silent}, announced = {announced} }}\n",
            );
        }
        for (image, from, to) in [
            ("beach", "alice", "bob"),
            ("harbour", "bob", "carol"),
            ("meadow", "carol", "alice"),
        ] {
            let _ = write!(
                text,
                "\n[[grant]]\nimage = \"{image}\"\nfrom = \"{from}\"\nto = \"{to}\"\nviews = 3000\n"
            );
        }
        for (op, rate) in [
            ("hide", 0.4),
            ("share", 0.1),
            ("view", 0.8),
            ("update", 0.3),
        ] {
            let _ = write!(
                text,
                "\n[[load]]\nop = \"{op}\"\nrate_per_s = {rate:?}\nfor_s = {length_s:?}\n"
            );
        }
        text
    }

    /// Whether nothing but the token makes servers fail.
    const fn is_token(&self) -> bool {
        matches!(self.faults, Faults::Token | Faults::AbruptToken)
    }

    /// Pause between planned failures in seconds, and how many of them are silent and announced.
    /// Beside other faults only five servers can do without the one that is silent.
    const fn token(&self) -> Option<(f64, u32, u32)> {
        match self.faults {
            Faults::Token => Some((0.0, 0, 1)),
            Faults::AbruptToken => Some((0.0, 1, 0)),
            Faults::All | Faults::Unprivileged if self.servers == 5 => Some((10.0, 1, 1)),
            _ => None,
        }
    }

    /// Planned failures that there have to be. Each takes up to 20 s and the way of the token;
    /// beside other faults it waits until every server is there.
    const fn failures_a_minute(&self) -> f64 {
        match (self.is_token(), self.token()) {
            (true, _) => 2.0,
            (false, Some(_)) => 0.5,
            (false, None) => 0.0,
        }
    }

    fn steps(&self) -> Vec<(f64, String)> {
        let mut rng = ChaCha20Rng::seed_from_u64(self.seed ^ 0x736f_616b);
        let end_s = self.minutes * 60.0 - CALM_S;
        let mut steps = Vec::new();
        let mut at_s = self.every.min(CALM_S);
        loop {
            let lasts_s = rng.random_range(1.0..6.0);
            let (what, quiet_s) = self.fault(&mut rng, lasts_s);
            at_s += quiet_s;
            if at_s + lasts_s + quiet_s >= end_s {
                return steps;
            }
            steps.push((at_s, what));
            // The next one may come while this one lasts, now and then.
            let pause_s = self.every * rng.random_range(0.6..1.4);
            let is_alone = quiet_s > 0.0 || rng.random_bool(0.85);
            at_s += if is_alone {
                pause_s.max(lasts_s + 1.0)
            } else {
                pause_s
            };
            at_s += quiet_s;
        }
    }

    /// A fault in the words of a scenario, and how long nothing else may happen around it.
    fn fault(&self, rng: &mut ChaCha20Rng, lasts_s: f64) -> (String, f64) {
        let member = rng.random_range(1..=MEMBERS);
        let leader = match self.store {
            StoreWord::Embedded => "leader".to_owned(),
            // Nobody leads there; any member does.
            StoreWord::Etcd => format!("etcd{member}"),
        };
        if self.faults == Faults::Leader {
            return (format!("crash {leader} for {:.1}s", lasts_s.min(2.0)), 0.0);
        }
        let servers = self.servers;
        let one = rng.random_range(1..=servers);
        let other = (one + rng.random_range(0..servers - 1)) % servers + 1;
        let kinds: &[&str] = match self.faults {
            Faults::All => &["fill", "fill", "kill"],
            _ => &["kill"],
        };
        let lasts = format!("for {lasts_s:.1}s");
        let what = match rng.random_range(0..20) {
            0..=5 => format!("crash n{one} {lasts}"),
            6..=8 => format!("crash {leader} {lasts}"),
            9 | 10 => format!("pause n{one} {lasts}"),
            11 | 12 => format!("cut n{one} -> n{other} {lasts}"),
            13 => format!("cut n{one} n{other} {lasts}"),
            14 => format!("partition n{one} | {} {lasts}", rest(one, servers)),
            15 => format!("slow n{one} x8 {lasts}"),
            16 => format!("loss 15% {lasts}"),
            17 => return (format!("wipe n{one} {lasts}"), QUIET_S),
            _ if kinds.choose(rng) == Some(&"fill") => format!("fill n{one} {lasts}"),
            _ => format!("restart n{one}"),
        };
        (what, 0.0)
    }
}

fn rest(one: u8, servers: u8) -> String {
    let others = (1..=servers).filter(|server| *server != one);
    let names: Vec<String> = others.map(|server| format!("n{server}")).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::judge::KNOWN;
    use crate::chaos::scenario::step::Step;
    use crate::chaos::scenario::{Mode, Scenario};

    fn arguments(seed: u64, faults: Faults) -> SoakArguments {
        SoakArguments {
            minutes: 60.0,
            seed,
            servers: 3,
            orders: 100.0,
            every: 10.0,
            faults,
            store: StoreWord::Embedded,
            out: None,
        }
    }

    fn drawn(seed: u64, faults: Faults) -> Scenario {
        let text = arguments(seed, faults).scenario();
        Scenario::parse(&text, KNOWN).unwrap_or_else(|fault| panic!("{fault}\n{text}"))
    }

    #[test]
    fn what_is_drawn_is_a_scenario_and_follows_the_seed() {
        for seed in 0..20 {
            let scenario = drawn(seed, Faults::All);
            assert!(scenario.steps.len() >= 250, "{}", scenario.steps.len());
            assert_eq!(scenario.text, drawn(seed, Faults::All).text);
            assert_ne!(scenario.text, drawn(seed + 1, Faults::All).text);
        }
    }

    #[test]
    fn with_etcd_its_members_fail_and_nobody_leads() {
        let etcd = SoakArguments {
            store: StoreWord::Etcd,
            ..arguments(4, Faults::All)
        };
        let scenario = Scenario::parse(&etcd.scenario(), KNOWN).expect("a scenario");
        let has = |is: fn(&Step) -> bool| scenario.steps.iter().any(|(_, step)| is(step));
        assert!(has(|step| matches!(step, Step::CrashMember(..))));
        assert!(!has(|step| matches!(step, Step::CrashLeader(_))));
    }

    #[test]
    fn nothing_fails_around_a_lost_disk() {
        for seed in 0..20 {
            let steps = drawn(seed, Faults::All).steps;
            let mut wiped = 0;
            for two in steps.windows(2) {
                let [(one_s, one), (other_s, other)] = two else {
                    continue;
                };
                let is_wipe = |step: &Step| matches!(step, Step::Wipe(..));
                if is_wipe(one) || is_wipe(other) {
                    assert!(other_s - one_s >= one.lasts_s() + QUIET_S, "{two:?}");
                    wiped += 1;
                }
            }
            assert!(wiped > 0);
        }
    }

    #[test]
    fn only_what_was_asked_for_fails() {
        let leader = drawn(3, Faults::Leader);
        let is_leader = |(_, step): &(f64, Step)| matches!(step, Step::CrashLeader(_));
        assert!(leader.steps.iter().all(is_leader) && leader.token.is_none());
        let full = |(_, step): &(f64, Step)| matches!(step, Step::Fill(..));
        assert!(!drawn(3, Faults::Unprivileged).steps.iter().any(full));
        assert!(drawn(3, Faults::All).steps.iter().any(full));
        let token = drawn(3, Faults::AbruptToken);
        let round = token.token.as_ref();
        let fault = round.map(|round| (round.fault.silent, round.fault.announced));
        assert_eq!((fault, token.steps.len()), (Some((1, 0)), 0));
        let bounds = token.thresholds(Mode::Process);
        let failed = bounds.iter().find(|bound| bound.metric == "request.failed");
        assert!(failed.is_some_and(|bound| bound.holds(0.0) && !bound.holds(0.002)));
        assert!(drawn(3, Faults::All).token.is_none());
        let five = SoakArguments {
            servers: 5,
            ..arguments(3, Faults::All)
        };
        let five = Scenario::parse(&five.scenario(), KNOWN).expect("a scenario");
        assert!(five.token.is_some() && !five.steps.is_empty());
        // The one kind does not stand in for the other.
        for (scenario, faults, failures) in [(&five, 250.0, 30.0), (&token, 0.0, 120.0)] {
            let bounds = scenario.thresholds(Mode::Process);
            for (metric, least) in [("faults.count", faults), ("failures.count", failures)] {
                let bound = bounds.iter().find(|bound| bound.metric == metric);
                let bound = bound.expect("a bound");
                assert!(bound.holds(500.0) && (least == 0.0 || !bound.holds(least - 1.0)));
            }
        }
        let busy = drawn(3, Faults::Busy);
        assert!(busy.cluster.busy && busy.steps.is_empty() && busy.token.is_none());
        assert!(!drawn(3, Faults::All).cluster.busy);
        let bounds = busy.thresholds(Mode::Process);
        let bound = bounds
            .iter()
            .find(|bound| bound.metric == "suspicions.count");
        assert!(bound.is_some_and(|bound| bound.holds(0.0) && !bound.holds(1.0)));
    }
}
