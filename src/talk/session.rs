//! A conversation with the person's client node: the one that runs, or one of our own for as long
//! as the command takes.

use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use super::failures;
use super::home::{self, Home};
use crate::node::control::Link;
use crate::node::launch::{self, LaunchError};
use crate::proto::control::{Command, Failure, News, Outcome, Progress, Reason, Report, Wish};
use crate::proto::ids::WishId;

/// How long a node of our own may take to listen.
const START_STEPS: u32 = 100;
const START_STEP: Duration = Duration::from_millis(50);
/// How long a node of our own waits for letters on their way before it ends.
const SETTLE_MS: u32 = 3_000;

/// A node that runs in this process, because none ran in the home.
pub struct OwnNode {
    home: PathBuf,
    thread: JoinHandle<Result<(), LaunchError>>,
}

impl OwnNode {
    /// Lets the node send what is due and ends it.
    pub fn stop(self) {
        let Ok(link) = Link::connect(&self.home) else {
            // It was told by a signal already.
            let _ = self.thread.join();
            return;
        };
        let session = Session {
            link,
            last: 0,
            own: Some(self),
        };
        // It answers when it has settled; a second more is enough.
        let patience = Duration::from_millis(u64::from(SETTLE_MS) + 1_000);
        let _ = session.link.set_timeout(Some(patience));
        session.close();
    }
}

/// Makes sure that a node runs in a home: the one that does, or one of our own, which is given.
/// When this returns, the node listens.
///
/// # Errors
/// If the home has no key or configuration, or the node does not start.
pub fn start(home: impl Into<Home>) -> Result<Option<OwnNode>, Failure> {
    let home = home.into();
    if Link::connect(&home.folder).is_ok() {
        return Ok(None);
    }
    let own = OwnNode {
        home: home.folder.clone(),
        thread: start_own(&home)?,
    };
    for _ in 0..START_STEPS {
        if Link::connect(&home.folder).is_ok() {
            return Ok(Some(own));
        }
        if own.thread.is_finished() {
            break;
        }
        pause(START_STEP);
    }
    match own.thread.is_finished().then(|| own.thread.join()) {
        Some(Ok(Err(error))) => Err(launch_failure(&error)),
        _ => Err(failures::unreachable(
            "the client did not start",
            "run it with -vv to see why",
        )),
    }
}

/// An open conversation.
pub struct Session {
    link: Link,
    own: Option<OwnNode>,
    last: u64,
}

impl Session {
    /// Connects to the node of a home, starting one if none runs.
    ///
    /// # Errors
    /// If the home has no key or configuration, or the node does not start.
    pub fn open(home: impl Into<Home>, timeout: Duration) -> Result<Self, Failure> {
        let home = home.into();
        let own = start(&home)?;
        let link = Link::connect(&home.folder).map_err(|error| lost(&error))?;
        Self::with(link, own, timeout)
    }

    fn with(link: Link, own: Option<OwnNode>, timeout: Duration) -> Result<Self, Failure> {
        link.set_timeout(Some(timeout))
            .map_err(|error| lost(&error))?;
        Ok(Self { link, own, last: 0 })
    }

    /// Sends a command and waits for its end; `progress` sees the steps.
    ///
    /// # Errors
    /// If the node says no, is gone, or is silent for longer than the time-out.
    pub fn ask(
        &mut self,
        command: Command,
        mut progress: impl FnMut(Progress),
    ) -> Result<Outcome, Failure> {
        self.last += 1;
        let id = WishId(self.last);
        self.link
            .send(&Wish { id, command })
            .map_err(|error| lost(&error))?;
        loop {
            let report: Report = self.link.receive().map_err(|error| lost(&error))?;
            if report.wish != id {
                continue;
            }
            match report.news {
                News::Progress(step) => progress(step),
                News::Noticed(_) => {}
                News::Done(outcome) => return Ok(*outcome),
                News::Failed(failure) => return Err(failure),
            }
        }
    }

    /// Ends the conversation; a node of our own sends what is due and ends with it.
    pub fn close(mut self) {
        let Some(own) = self.own.take() else { return };
        // What cannot be sent now is on disk and goes next time.
        let _ = self.ask(Command::Settle(SETTLE_MS), |_| {});
        let _ = self.ask(Command::Stop, |_| {});
        let _ = own.thread.join();
    }
}

fn start_own(home: &Home) -> Result<JoinHandle<Result<(), LaunchError>>, Failure> {
    let config = home::read_config(home)?;
    let identity = home::read_key(&home.folder)?;
    std::thread::Builder::new()
        .name("client".into())
        .spawn(move || {
            let system = actix_rt::System::new();
            system.block_on(launch::client(config, identity))
        })
        .map_err(|error| Failure::new(Reason::Other, error.to_string(), "end other programs"))
}

/// A node that does not start, as a failure.
#[must_use]
pub fn launch_failure(error: &LaunchError) -> Failure {
    Failure::new(Reason::Config, error.to_string(), launch::hint(error))
}

fn lost(error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
            failures::unreachable("no answer in time", "a longer --timeout may help")
        }
        std::io::ErrorKind::InvalidInput => Failure::new(
            Reason::TooLarge,
            format!("the file is {error}"),
            "files up to 60 MB can be sent",
        ),
        _ => failures::unreachable(
            format!("the client is gone: {error}"),
            "see its log, start it again with `pentimento run`",
        ),
    }
}

/// Sleeps. Programs wait for other processes; nodes never do.
#[expect(
    clippy::disallowed_methods,
    reason = "a program that waits for another process"
)]
pub fn pause(wait: Duration) {
    std::thread::sleep(wait);
}
