//! The way to the client node, for many pages at a time.
//!
//! Keeps one line and opens it again when the node was restarted. Every question has a time-out;
//! what the node answers is handed on as it is.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web;
use tokio::sync::{mpsc, oneshot};

use crate::proto::control::{Command, Failure, News, Noticed, Outcome, Reason};
use crate::proto::ids::{GrantId, WishId};
use crate::proto::lease::LogEntry;
use crate::proto::letter::GalleryItem;
use crate::proto::outcome::{ClientStatus, Lease, OpenAsk, Peer};
use crate::talk::failures;
use crate::talk::line::Line;

/// How long a page waits for the node.
const ASK_LIFE: Duration = Duration::from_secs(20);
/// How long hiding and sending a picture may take.
const MAKE_LIFE: Duration = Duration::from_secs(180);
/// Notices that wait for a browser that does not read; further ones end the stream.
const NOTICES_MAX: usize = 64;

/// The way to the node of one home.
pub(super) struct Desk {
    home: PathBuf,
    line: Mutex<Option<Line>>,
}

/// A stream of notices. Dropping it tells the node that nobody listens any more.
pub(super) struct Watch {
    /// What happened, in order; closed when the node is gone or refuses.
    pub(super) notices: mpsc::Receiver<Noticed>,
    line: Line,
    wish: WishId,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.line.ask(Command::Cancel(self.wish), |_| {});
    }
}

impl Desk {
    /// The desk of a home; nothing is opened yet.
    pub(super) const fn new(home: PathBuf) -> Self {
        Self {
            home,
            line: Mutex::new(None),
        }
    }

    fn line(&self) -> Result<Line, Failure> {
        let mut kept = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = kept.as_ref().filter(|line| line.is_open()) {
            return Ok(line.clone());
        }
        let line = Line::connect(&self.home).map_err(|_| {
            failures::unreachable(
                "your client does not run",
                "start it with `pentimento run`, then load this page again",
            )
        })?;
        *kept = Some(line.clone());
        Ok(line)
    }

    /// Asks, and waits for the end.
    pub(super) async fn ask(&self, command: Command) -> Result<Outcome, Failure> {
        let (told, end) = oneshot::channel();
        self.line()?.ask(command, |result| {
            // A page that was given up waits no more.
            let _ = told.send(result);
        });
        wait(ASK_LIFE, end).await
    }

    /// The same for a command with a file in it, off the thread of the pages.
    pub(super) async fn make(&self, command: Command) -> Result<Outcome, Failure> {
        let (told, end) = oneshot::channel();
        let line = self.line()?;
        let sent = web::block(move || {
            line.ask(command, |result| {
                let _ = told.send(result);
            })
        });
        sent.await
            .map_err(|error| Failure::new(Reason::Busy, error.to_string(), "try again"))?;
        wait(MAKE_LIFE, end).await
    }

    /// Sends a command whose end nobody waits for.
    pub(super) fn tell(&self, command: Command) {
        match self.line() {
            Ok(line) => {
                line.ask(command, |result| {
                    if let Err(failure) = result {
                        tracing::warn!(reason = failure.message, "the client did not take a word");
                    }
                });
            }
            Err(failure) => tracing::warn!(reason = failure.message, "the client is gone"),
        }
    }

    /// Hears of everything from now on, or from after the notice of this number.
    pub(super) fn watch(&self, after: Option<u64>) -> Result<Watch, Failure> {
        let line = self.line()?;
        let (told, notices) = mpsc::channel(NOTICES_MAX);
        let hear = move |news: News| match news {
            News::Noticed(noticed) => told.try_send(noticed).is_ok(),
            News::Progress(_) => true,
            News::Done(_) | News::Failed(_) => false,
        };
        let wish = line.wish(Command::Watch(after), Box::new(hear));
        Ok(Watch {
            notices,
            line,
            wish,
        })
    }

    /// How the node is.
    pub(super) async fn status(&self) -> Result<ClientStatus, Failure> {
        match self.ask(Command::Status).await? {
            Outcome::Status(status) => Ok(status),
            other => Err(odd(&other)),
        }
    }

    /// Known people.
    pub(super) async fn peers(&self) -> Result<Vec<Peer>, Failure> {
        match self.ask(Command::Peers).await? {
            Outcome::Peers { peers, .. } => Ok(peers),
            other => Err(odd(&other)),
        }
    }

    /// All grants.
    pub(super) async fn leases(&self) -> Result<Vec<Lease>, Failure> {
        match self.ask(Command::Leases).await? {
            Outcome::Leases(leases) => Ok(leases),
            other => Err(odd(&other)),
        }
    }

    /// One grant.
    pub(super) async fn lease(&self, grant: GrantId) -> Result<Lease, Failure> {
        let leases = self.leases().await?;
        let found = leases.into_iter().find(|lease| lease.grant == grant);
        found.ok_or_else(|| not_found("no such lease"))
    }

    /// Questions.
    pub(super) async fn requests(&self) -> Result<Vec<OpenAsk>, Failure> {
        match self.ask(Command::Requests).await? {
            Outcome::Requests(asks) => Ok(asks),
            other => Err(odd(&other)),
        }
    }

    /// A gallery, and whether previews are refused; our own for none.
    pub(super) async fn gallery(
        &self,
        peer: Option<String>,
    ) -> Result<(Vec<GalleryItem>, bool), Failure> {
        match self.ask(Command::Gallery(peer)).await? {
            Outcome::Gallery { items, refused } => Ok((items, refused)),
            other => Err(odd(&other)),
        }
    }

    /// What happened to one grant, or to all.
    pub(super) async fn ledger(
        &self,
        lease: Option<GrantId>,
    ) -> Result<Vec<(GrantId, LogEntry)>, Failure> {
        let lease = lease.map(|lease| lease.hex());
        match self.ask(Command::Ledger(lease)).await? {
            Outcome::Ledger(entries) => Ok(entries),
            other => Err(odd(&other)),
        }
    }
}

async fn wait(
    life: Duration,
    end: oneshot::Receiver<Result<Outcome, Failure>>,
) -> Result<Outcome, Failure> {
    let late = || failures::unreachable("your client does not answer", "try again in a moment");
    match tokio::time::timeout(life, end).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) | Err(_) => Err(late()),
    }
}

/// An outcome that fits no question of ours.
pub(super) fn odd(outcome: &Outcome) -> Failure {
    Failure::new(
        Reason::Other,
        format!("the client answered something else: {outcome:.80?}"),
        "program and client are of different versions; restart both",
    )
}

/// Something that is not there.
pub(super) fn not_found(what: &str) -> Failure {
    Failure::new(
        Reason::NotFound,
        what,
        "it may have been renamed or removed",
    )
}

/// The desk, shared with what outlives a request.
pub(super) type SharedDesk = Arc<Desk>;
