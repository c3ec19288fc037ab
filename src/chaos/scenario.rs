//! Scenario files: TOML in, checked and typed values out. Decides nothing about a run.
//!
//! Every error tells file, line and column; an unknown key or word lists those that are known.

mod rules;
pub mod step;
pub mod text;
pub mod threshold;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use self::step::Step;
use self::text::{Fault, Place};
use self::threshold::Threshold;

/// The only schema there is.
pub const SCHEMA: u32 = 1;
/// Clients of a scenario, at most.
pub const CLIENTS_MAX: usize = 12;
/// Requests of a scenario, at most.
pub const REQUESTS_MAX: u64 = 20_000;
/// Length of a scenario in seconds, at most.
pub const LENGTH_MAX_S: f64 = 3_600.0;

/// How a scenario is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// In virtual time; one seed is one run, bit for bit.
    #[default]
    Sim,
    /// With real processes and sockets on loopback.
    Process,
}

impl Mode {
    /// The word in files and on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Process => "process",
        }
    }
}

/// Servers, people and the network between them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Servers, 1 to 16; they are called n1, n2 and so on.
    pub nodes: Spanned<usize>,
    /// Names of the people, 1 to 12.
    pub clients: Spanned<Vec<String>>,
    /// Shortest and longest delay of a datagram, drawn for each alone.
    #[serde(default = "latency")]
    pub latency_ms: Spanned<[f64; 2]>,
    /// Share of datagrams lost, 0 to 0.5.
    #[serde(default = "none")]
    pub loss: Spanned<f64>,
    /// Share of datagrams that arrive twice, 0 to 0.5.
    #[serde(default = "none")]
    pub duplicate: Spanned<f64>,
    /// Who counts the looks of pictures that are shared.
    #[serde(default)]
    pub counted_by: CountedBy,
    /// Where the ledger lies; in etcd only with real processes.
    #[serde(default = "embedded")]
    pub ledger: Spanned<Store>,
    /// Whether every core of the machine is kept busy all the while; only with real processes.
    #[serde(default)]
    pub busy: bool,
    /// Whether a disk is lost only while all other servers count looks, and nothing else fails
    /// until its server does again. Steps that would be in the way are left out.
    #[serde(default)]
    pub heal_disks: bool,
}

fn embedded() -> Spanned<Store> {
    Spanned::new(0..0, Store::Embedded)
}

/// Where the ledger lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// On the disks of the servers.
    #[default]
    Embedded,
    /// In an etcd of three members, which the run starts.
    Etcd,
}

/// Who counts looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountedBy {
    /// The borrower's program.
    #[default]
    Program,
    /// The servers.
    Servers,
}

fn latency() -> Spanned<[f64; 2]> {
    Spanned::new(0..0, [0.1, 0.3])
}

fn none() -> Spanned<f64> {
    Spanned::new(0..0, 0.0)
}

/// The round of planned failures.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Whose turn it is. The servers pass the token round in the order of their numbers.
    #[serde(default)]
    pub order: Order,
    /// Shortest and longest failure in seconds, above 0 up to 20.
    #[serde(default = "hold")]
    pub hold_s: Spanned<[f64; 2]>,
    /// Pause between two failures in seconds.
    #[serde(default = "pause")]
    pub pause_s: Spanned<f64>,
    /// How servers fail, with weights.
    #[serde(default)]
    pub fault: FaultWeights,
    /// Servers in a planned failure at a time: 1, as the servers permit each other.
    #[serde(default = "one")]
    pub max_down: Spanned<u32>,
}

fn hold() -> Spanned<[f64; 2]> {
    Spanned::new(0..0, [5.0, 20.0])
}

fn pause() -> Spanned<f64> {
    Spanned::new(0..0, 1.0)
}

fn one() -> Spanned<u32> {
    Spanned::new(0..0, 1)
}

/// Whose turn it is to fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// One after another.
    #[default]
    Ring,
}

/// How servers fail in turn; a weight each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultWeights {
    /// They fall silent without a word.
    pub silent: u32,
    /// They say goodbye first.
    pub announced: u32,
}

impl Default for FaultWeights {
    fn default() -> Self {
        Self {
            silent: 1,
            announced: 1,
        }
    }
}

/// A picture that is shared before the scenario begins.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Its name.
    pub image: Spanned<String>,
    /// Who shares it.
    pub from: Spanned<String>,
    /// With whom.
    pub to: Spanned<String>,
    /// For so many looks, 1 to 1,000,000.
    pub views: Spanned<u32>,
}

/// People besides, without homes and pictures, who order from the ledger all the time; only with
/// real processes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    /// How many, 1 to 64.
    pub people: Spanned<usize>,
    /// Orders per second of all of them together, above 0 up to 1,000.
    pub rate_per_s: Spanned<f64>,
}

/// What people do again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Hide a picture for themselves.
    Hide,
    /// Share a picture with the next person.
    Share,
    /// Look at a picture that was granted to them.
    View,
    /// Add a look to a grant of theirs.
    Update,
}

/// A stream of requests.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// What is done.
    pub op: Spanned<Op>,
    /// How many of the people do it, or who; everybody if it is left out.
    pub clients: Option<Spanned<Who>>,
    /// Requests per second of all of them together.
    pub rate_per_s: Spanned<f64>,
    /// When it begins, in seconds from the start.
    #[serde(default)]
    pub from_s: f64,
    /// How long it goes on, in seconds.
    pub for_s: Spanned<f64>,
    /// Smallest and largest image.
    #[serde(default = "image_bytes")]
    pub image_bytes: Spanned<[u32; 2]>,
}

fn image_bytes() -> Spanned<[u32; 2]> {
    Spanned::new(0..0, [1_000, 8_000])
}

/// Some of the people.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Who {
    /// The first so many.
    First(usize),
    /// These.
    Named(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    at_s: f64,
    #[serde(rename = "do")]
    what: Spanned<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInvariants {
    on: Option<Vec<Spanned<String>>>,
}

type RawThresholds = BTreeMap<Spanned<String>, Spanned<String>>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByMode {
    #[serde(default)]
    sim: RawThresholds,
    #[serde(default)]
    process: RawThresholds,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    schema: Spanned<u32>,
    name: Spanned<String>,
    seed: u64,
    #[serde(default)]
    mode: Mode,
    cluster: Cluster,
    token: Option<Token>,
    #[serde(default, rename = "grant")]
    grants: Vec<Grant>,
    #[serde(default, rename = "load")]
    loads: Vec<Load>,
    orders: Option<Orders>,
    #[serde(default, rename = "step")]
    steps: Vec<RawStep>,
    #[serde(default)]
    invariants: RawInvariants,
    #[serde(default)]
    thresholds: RawThresholds,
    #[serde(default)]
    thresholds_in: ByMode,
}

/// A checked scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What is drawn follows it.
    pub seed: u64,
    /// How it is played if nobody says otherwise.
    pub mode: Mode,
    /// Servers, people, network.
    pub cluster: Cluster,
    /// Planned failures in turn, if any.
    pub token: Option<Token>,
    /// What is shared before the start.
    pub grants: Vec<Grant>,
    /// Streams of requests.
    pub loads: Vec<Load>,
    /// People who order from the ledger, if any.
    pub orders: Option<Orders>,
    /// Single acts, in the order of their times in seconds.
    pub steps: Vec<(f64, Step)>,
    /// Names of the properties that decide; all if the file names none.
    pub invariants: Vec<String>,
    /// Bounds for both modes, then those of one mode.
    thresholds: Vec<Threshold>,
    thresholds_in: [Vec<Threshold>; 2],
    /// The file, as it was read.
    pub text: String,
}

impl Scenario {
    /// Reads and checks the text of a scenario. `known` are the names of invariants and metrics.
    ///
    /// # Errors
    /// Where the text breaks a rule, and which.
    pub fn parse(text: &str, known: Known) -> Result<Self, Fault> {
        let place = Place::new(text);
        let raw: Raw = toml::from_str(text).map_err(|error| place.toml(&error))?;
        if *raw.schema.get_ref() != SCHEMA {
            let rule = format!("schema = {}, there is only {SCHEMA}", raw.schema.get_ref());
            return Err(place.fault(&raw.schema.span(), rule));
        }
        rules::check_name(&place, &raw.name)?;
        rules::check_cluster(&place, &raw.cluster)?;
        if let Some(token) = &raw.token {
            rules::check_token(&place, token)?;
        }
        let names = raw.cluster.clients.get_ref();
        for grant in &raw.grants {
            rules::check_views(&place, &grant.views)?;
            for person in [&grant.from, &grant.to] {
                rules::check_person(&place, person, names)?;
            }
        }
        for load in &raw.loads {
            rules::check_load(&place, load, names)?;
        }
        if let Some(orders) = &raw.orders {
            rules::check_orders(&place, orders)?;
        }
        let cast = step::Cast {
            servers: *raw.cluster.nodes.get_ref(),
            clients: names,
        };
        let mut steps = Vec::new();
        for RawStep { at_s, what } in &raw.steps {
            let step = Step::parse(what.get_ref(), &cast);
            let step = step.map_err(|wrong| place.fault(&what.span(), wrong))?;
            rules::check_step(&place, &raw.cluster, &step, what)?;
            if !(0.0..=LENGTH_MAX_S).contains(at_s) {
                let rule = format!("at_s = {at_s}, it must be 0 to {LENGTH_MAX_S}");
                return Err(place.fault(&what.span(), rule));
            }
            steps.push((*at_s, step));
        }
        steps.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let read = |table: &RawThresholds| rules::thresholds(&place, table, known.metrics);
        let scenario = Self {
            invariants: rules::invariants(&place, raw.invariants, known, raw.orders.is_some())?,
            thresholds: read(&raw.thresholds)?,
            thresholds_in: [
                read(&raw.thresholds_in.sim)?,
                read(&raw.thresholds_in.process)?,
            ],
            name: raw.name.into_inner(),
            seed: raw.seed,
            mode: raw.mode,
            cluster: raw.cluster,
            token: raw.token,
            grants: raw.grants,
            loads: raw.loads,
            orders: raw.orders,
            steps,
            text: text.to_owned(),
        };
        if scenario.promised() > REQUESTS_MAX {
            let rule = format!(
                "{} requests are promised, there may be {REQUESTS_MAX}",
                scenario.promised()
            );
            return Err(place.fault(&(0..0), rule));
        }
        Ok(scenario)
    }

    /// The bounds of a mode. One that both name counts as that of the mode.
    #[must_use]
    pub fn thresholds(&self, mode: Mode) -> Vec<Threshold> {
        let own = match mode {
            Mode::Sim => &self.thresholds_in[0],
            Mode::Process => &self.thresholds_in[1],
        };
        let other = |all: &&Threshold| !own.iter().any(|own| own.metric == all.metric);
        let mut bounds: Vec<Threshold> = self.thresholds.iter().filter(other).cloned().collect();
        bounds.extend(own.iter().cloned());
        bounds.sort_by(|one, other| one.metric.cmp(&other.metric));
        bounds
    }

    /// How many requests the loads promise.
    #[must_use]
    pub fn promised(&self) -> u64 {
        self.loads.iter().map(Load::requests).sum()
    }

    /// When the last load and the last step are over, in seconds.
    #[must_use]
    pub fn length_s(&self) -> f64 {
        let loads = self
            .loads
            .iter()
            .map(|load| load.from_s + load.for_s.get_ref());
        let steps = self.steps.iter().map(|(at, step)| at + step.lasts_s());
        loads.chain(steps).fold(1.0, f64::max)
    }
}

impl Load {
    /// How many requests it makes.
    #[must_use]
    pub fn requests(&self) -> u64 {
        (self.rate_per_s.get_ref() * self.for_s.get_ref()).round() as u64
    }
}

/// The names that a scenario may use.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Of invariants.
    pub invariants: &'static [&'static str],
    /// Of invariants that only a scenario with `[orders]` has.
    pub of_orders: &'static [&'static str],
    /// Of metrics.
    pub metrics: &'static [&'static str],
}

#[cfg(test)]
mod tests;
