//! What balancing the work over servers is worth: clients that ask for pictures, few and many, of
//! small and of large images, beside one server alone; with servers that are unlike, and with
//! servers that fail on purpose.
//!
//! Servers are real processes on loopback. Each is held to its share of a core, so that three of
//! them can do three times the work of one although they are on one machine, and so that clients
//! have the rest of it. A response is from the request until the whole picture is here; every
//! picture is compared with the first one of its image, and that one is opened.
//!
//! What is compared is measured in turns, three servers, one, one, three: a machine that gets
//! slower or faster meanwhile does so for both.

use std::path::PathBuf;
use std::time::Duration;

use self::cell::{Cell, Setting};
use self::crowd::{Crowd, Run};
use self::growth::Growth;
use self::images::{Images, LARGE, SMALL};
use self::report::Evaluation;
use self::servers::Servers;
use self::share::machine;
use super::EvalBench;
use super::folder::Folder;
use super::formats;
use crate::cli::failure::{self, Ended};
use crate::cli::output::Output;
use crate::cli::render::Said;
use crate::proto::control::Failure;

mod cell;
mod crowd;
mod growth;
mod images;
mod published;
mod report;
mod sections;
mod servers;
mod share;
mod usage;

pub(super) use self::share::ShareMeans;

/// Servers that share the work.
const MANY: u8 = 3;
/// The turns of three servers (0) and of one (1).
const TURNS: [usize; 4] = [0, 1, 1, 0];
/// Clients while servers are unlike, and while they fail.
const FEW: u16 = 6;
/// The last of unlike servers has this part of the others' share.
const UNLIKE: u16 = 3;
/// Where reports go unless told otherwise.
const FOLDER: &str = "target/bench/eval";

/// Measures, and writes the reports.
///
/// # Errors
/// If servers cannot be started or held, a picture is not the right one, or a report cannot be
/// written.
pub(super) fn run(output: Output, wishes: &EvalBench) -> Ended {
    let mut runs = Runs::new(output, wishes)?;
    output.remark("formats and growth ...");
    // First, and growth before all: what is left behind in the heap hides memory and costs time.
    let growth = Growth::measure(wishes.users);
    let formats = formats::measure();
    let sizes = if wishes.small {
        vec![SMALL]
    } else {
        vec![SMALL, LARGE]
    };
    let mut cells = Vec::new();
    for size in sizes {
        cells.extend(runs.beside_one(&mut Images::of(size)?)?);
    }
    let mut images = Images::of(SMALL)?;
    let unlike = runs.unlike(&mut images)?;
    let failing = runs.failing(&mut images)?;
    let evaluation = Evaluation {
        machine: machine(),
        means: runs.means,
        share_percent: wishes.share,
        memory_kib: runs.most_kib,
        cells,
        unlike,
        failing,
        growth,
        formats,
    };
    let folder = wishes.out.clone().unwrap_or_else(|| FOLDER.into());
    let files = report::write(&evaluation, &folder)?;
    output.say(&Said {
        text: report::short(&evaluation, &files),
        json: evaluation.json(),
    });
    Ok(0)
}

/// What all runs share.
struct Runs<'a> {
    output: Output,
    wishes: &'a EvalBench,
    folder: Folder,
    covers: PathBuf,
    /// Folders of clusters that were made.
    made: u32,
    means: &'static str,
    /// What the largest server took.
    most_kib: u64,
}

/// A cluster that is warm and held, and its clients.
struct Stage {
    servers: Servers,
    crowd: Crowd,
    folder: PathBuf,
}

/// What came of clients that asked, and the processor time of each server.
struct Measured {
    run: Run,
    used: Vec<Duration>,
}

impl<'a> Runs<'a> {
    fn new(output: Output, wishes: &'a EvalBench) -> Result<Self, Failure> {
        Ok(Self {
            output,
            wishes,
            folder: Folder::new()?,
            covers: std::env::temp_dir().join(super::COVERS),
            made: 0,
            means: "",
            most_kib: 0,
        })
    }

    /// Starts servers, lets each make one picture of each image, and holds them.
    fn stage(
        &mut self,
        percents: &[u16],
        images: &mut Images,
        clients: u16,
    ) -> Result<Stage, Failure> {
        self.made += 1;
        let folder = self.folder.0.join(format!("cluster-{}", self.made));
        std::fs::create_dir(&folder).map_err(|error| failure::file(&folder, &error))?;
        let count = u8::try_from(percents.len()).unwrap_or(MANY);
        let means = self.wishes.means;
        let mut servers = Servers::start(&folder, &self.covers, count, means)?;
        self.means = servers.means();
        warm(&servers, images, self.made)?;
        servers.hold(percents)?;
        let name = format!("cluster {}", self.made);
        let crowd = Crowd::enter(servers.list(), clients, &name)?;
        Ok(Stage {
            servers,
            crowd,
            folder,
        })
    }

    /// Three servers and one, with all numbers of clients.
    fn beside_one(&mut self, images: &mut Images) -> Result<Vec<Cell>, Failure> {
        let clients = self.wishes.clients.clone();
        let most = clients.iter().copied().max().unwrap_or(1);
        let mut stages = Vec::new();
        for count in [MANY, 1] {
            let shares = vec![self.wishes.share; usize::from(count)];
            stages.push(self.stage(&shares, images, most)?);
        }
        let mut cells = Vec::new();
        for clients in clients {
            let length = self.length(images, clients) / 2;
            let mut measured = [None, None];
            for turn in TURNS {
                let next = self.measure(&mut stages[turn], images, clients, length)?;
                measured[turn] = Some(next.after(measured[turn].take()));
            }
            let settings = measured.into_iter().flatten().zip([MANY, 1]);
            cells.extend(settings.map(|(of, servers)| of.cell(servers, images, clients)));
        }
        for stage in &mut stages {
            self.most_kib = self.most_kib.max(stage.servers.most_kib());
        }
        Ok(cells)
    }

    /// A photograph takes many times longer than a thumbnail, and a crowd has to wait its turn.
    fn length(&self, images: &Images, clients: u16) -> Duration {
        let times = match (images.size == LARGE, clients > FEW) {
            (false, _) => 1,
            (true, false) => 2,
            (true, true) => 3,
        };
        Duration::from_secs(u64::from(self.wishes.seconds)) * times
    }

    fn measure(
        &self,
        stage: &mut Stage,
        images: &mut Images,
        clients: u16,
        length: Duration,
    ) -> Result<Measured, Failure> {
        let servers = u8::try_from(stage.servers.list().len()).unwrap_or(MANY);
        let size = images.size.name;
        self.output
            .remark(&format!("{clients} clients, {size}, {servers} servers ..."));
        let before = stage.servers.processor();
        let bodies = images.bodies.clone();
        let run = stage
            .crowd
            .ask_on(clients, &bodies, length, |number, picture| {
                images.check(number, picture)
            })?;
        let after = stage.servers.processor().into_iter();
        let used = after.zip(before);
        let used = used.map(|(after, before)| after.saturating_sub(before));
        Ok(Measured {
            run,
            used: used.collect(),
        })
    }

    /// Three servers that are measured for themselves.
    fn cell(&self, stage: &mut Stage, images: &mut Images, seconds: u16) -> Result<Cell, Failure> {
        let length = Duration::from_secs(seconds.into());
        let measured = self.measure(stage, images, FEW, length)?;
        Ok(measured.cell(MANY, images, FEW))
    }

    /// Three servers, the last of which has a third of the others' share.
    fn unlike(&mut self, images: &mut Images) -> Result<Cell, Failure> {
        let share = self.wishes.share;
        let least = (share / UNLIKE).max(share::LEAST_PERCENT);
        let mut stage = self.stage(&[share, share, least], images, FEW)?;
        self.output.remark("unlike servers:");
        self.cell(&mut stage, images, self.wishes.seconds)
    }

    /// Three servers that fail one after the other without a word, as often as they permit each
    /// other.
    fn failing(&mut self, images: &mut Images) -> Result<Option<Cell>, Failure> {
        if self.wishes.failing == 0 {
            return Ok(None);
        }
        let mut stage = self.stage(&[self.wishes.share; MANY as usize], images, FEW)?;
        Servers::fail_on_purpose(&stage.folder, false)?;
        self.output.remark("servers that fail on purpose:");
        let cell = self.cell(&mut stage, images, self.wishes.failing)?;
        Ok(Some(cell))
    }
}

impl Measured {
    /// With what was measured before.
    fn after(self, before: Option<Self>) -> Self {
        let Some(before) = before else {
            return self;
        };
        let used = before.used.into_iter().zip(self.used);
        Self {
            run: before.run.join(self.run),
            used: used.map(|(before, now)| before + now).collect(),
        }
    }

    fn cell(&self, servers: u8, images: &Images, clients: u16) -> Cell {
        let setting = Setting {
            servers,
            size: images.size.name,
            clients,
        };
        Cell::of(setting, &self.run, &self.used)
    }
}

/// Each server makes one picture of each image: covers are drawn and prepared then.
fn warm(servers: &Servers, images: &mut Images, cluster: u32) -> Result<(), Failure> {
    for server in servers.list() {
        let alone = std::slice::from_ref(server);
        let name = format!("first of {} in {cluster}", server.id);
        let mut crowd = Crowd::enter(alone, 1, &name)?;
        for (number, body) in images.bodies.clone().into_iter().enumerate() {
            let once = crowd.ask_on(1, &[body], Duration::ZERO, |_, picture| {
                images.check(number, picture)
            })?;
            if once.replies.iter().all(|reply| reply.outcome.is_err()) {
                return Err(failure::unreachable("a server makes no picture", ""));
            }
        }
    }
    Ok(())
}
