//! The steps of the demo, each a line with what was measured.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;

use super::stage::{SERVERS, Stage};
use super::stage_of;
use crate::cli::output::Output;
use crate::cli::{cluster, render};
use crate::node::config::ServerConfig;
use crate::proto::control::{Carrier, Command, Failure, Outcome, Progress, Reason, Timings};
use crate::proto::ids::GrantId;
use crate::proto::operator::ServerCommand;
use crate::stego;
use crate::talk::session::{Session, pause};
use crate::terminal::text::{millis, size};

const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(25);
/// The demo's own picture: 12 megapixels.
const PAINTING: (u64, u32, u32) = (6, 4_000, 3_000);

/// How the demo went.
pub(super) struct Tally {
    /// Steps that held.
    pub(super) passed: u32,
    /// Steps.
    pub(super) total: u32,
    /// From the first to the last.
    pub(super) took: Duration,
}

/// What a step has to tell, or why it does not hold.
pub(super) type Told = Result<String, Failure>;

/// Plays all steps. A step that needs one that failed fails too; the rest is still tried.
pub(super) fn play(stage: &Mutex<Stage>, output: Output) -> Tally {
    let mut play = Play {
        stage,
        output,
        passed: 0,
        total: 0,
        picture: None,
        grant: None,
    };
    let (took, ()) = timed(|| play.all());
    Tally {
        passed: play.passed,
        total: play.total,
        took,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program that tells how long things take"
)]
fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

pub(super) struct Play<'a> {
    pub(super) stage: &'a Mutex<Stage>,
    output: Output,
    passed: u32,
    total: u32,
    /// The painting as PNG and as JPEG.
    pub(super) picture: Option<(Bytes, Bytes)>,
    pub(super) grant: Option<GrantId>,
}

impl Play<'_> {
    fn all(&mut self) {
        self.step("three servers and two people", Self::set_up);
        self.step("a 12-megapixel picture is drawn", Self::draw);
        self.step("bob finds alice by name", |play| play.find());
        self.step("alice hides the PNG, only she gets it back", |play| {
            play.hide(true)
        });
        self.step("alice hides the JPEG, only she gets it back", |play| {
            play.hide(false)
        });
        self.step("one flipped byte is noticed", |play| play.flip());
        self.step("bob sees a blurred preview of at most 32 pixels", |play| {
            play.gallery()
        });
        self.step("bob asks for 3 looks, alice grants 2", Self::negotiate);
        self.step("the picture arrives from peer to peer", |play| {
            play.arrives()
        });
        self.step("look 1 of 2 shows the very bytes", |play| play.look(1));
        self.step("look 2 of 2 shows the very bytes", |play| play.look(2));
        self.step("look 3 is refused, only the cover is left", |play| {
            play.spent()
        });
        self.step("bob goes offline, alice adds a look", |play| {
            play.add_offline()
        });
        self.step("bob returns, the look was added once", |play| {
            play.returns()
        });
        self.step("the elected server fails, the request completes", |play| {
            play.fail()
        });
        self.step("a rule of alice's grants a look by itself", |play| {
            play.rule()
        });
        self.step("alice revokes, bob sees nothing any more", |play| {
            play.revoke()
        });
        self.step("both sides tell the same story", |play| play.ledgers());
    }

    fn step(&mut self, name: &str, step: impl FnOnce(&mut Self) -> Told) {
        let (took, told) = timed(|| step(self));
        self.total += 1;
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let (mark, text) = match told {
            Ok(text) => {
                self.passed += 1;
                ("ok  ", text)
            }
            Err(failure) => ("FAIL", format!("{} ({})", failure.message, failure.hint)),
        };
        let ok = mark == "ok  ";
        let line = format!("{mark} {name} [{}]\n       {text}", millis(took_us));
        self.output.line(
            line,
            json!({ "step": name, "ok": ok, "took_us": took_us, "told": text }),
        );
    }

    pub(super) fn talk(&self, name: &str) -> Result<Session, Failure> {
        stage_of(self.stage).talk(name)
    }

    pub(super) fn ask(&self, name: &str, command: Command) -> Result<Outcome, Failure> {
        self.talk(name)?.ask(command, |_| {})
    }

    pub(super) fn picture(&self) -> Result<&(Bytes, Bytes), Failure> {
        self.picture
            .as_ref()
            .ok_or_else(|| broken("there is no picture"))
    }

    pub(super) fn grant(&self) -> Result<String, Failure> {
        self.grant
            .map(|grant| grant.hex())
            .ok_or_else(|| broken("there is no grant"))
    }

    fn set_up(&mut self) -> Told {
        {
            let mut stage = stage_of(self.stage);
            stage.raise_servers()?;
            for name in ["alice", "bob"] {
                stage.invite(name)?;
                stage.enter(name)?;
            }
        }
        until("alice and bob are not online", || {
            let both = ["alice", "bob"].iter().all(|name| {
                matches!(self.ask(name, Command::Status), Ok(Outcome::Status(status))
                    if status.servers_answering.len() == usize::from(SERVERS))
            });
            Ok(both.then_some(()))
        })?;
        let ports = cluster::servers(&stage_of(self.stage).cluster())?;
        let ports: Vec<String> = ports
            .iter()
            .map(|server| server.clients.port().to_string())
            .collect();
        Ok(format!("servers on ports {}", ports.join(", ")))
    }

    fn draw(&mut self) -> Told {
        let (seed, width, height) = PAINTING;
        let painting = stego::covers::render_painting(seed, width, height);
        let bad = |error: stego::StegoError| broken(error.to_string());
        let png = Bytes::from(stego::encode_png(&painting).map_err(bad)?);
        let jpeg = Bytes::from(stego::encode_jpeg(&painting, 88).map_err(bad)?);
        let sizes = [png.len(), jpeg.len()].map(|bytes| size(bytes as u64));
        self.picture = Some((png, jpeg));
        Ok(format!(
            "{width} x {height}, PNG {}, JPEG {}",
            sizes[0], sizes[1]
        ))
    }

    fn find(&self) -> Told {
        until("bob does not find alice", || {
            let Outcome::Peers { peers, fresh } = self.ask("bob", Command::Peers)? else {
                return Ok(None);
            };
            let alice = peers
                .iter()
                .find(|peer| peer.name == "alice" && peer.online);
            Ok(alice
                .filter(|_| fresh)
                .map(|peer| format!("@alice is {}", peer.user)))
        })
    }

    fn hide(&self, png: bool) -> Told {
        let (as_png, as_jpeg) = self.picture()?;
        let original = if png { as_png } else { as_jpeg };
        let (picture, timings) = self.hidden(original, |_| {})?;
        let outcome = self.ask("alice", Command::Reveal(picture.clone()))?;
        let Outcome::Revealed { original: back, .. } = outcome else {
            return Err(broken("not revealed"));
        };
        if back != *original {
            return Err(broken("other bytes came back"));
        }
        match self.ask("bob", Command::Reveal(picture.clone())) {
            Err(failure) if failure.reason == Reason::NothingForYou => {}
            _ => return Err(broken("bob was not refused")),
        }
        Ok(format!(
            "{} in a picture of {}: {}",
            size(original.len() as u64),
            size(picture.len() as u64),
            render::timings(&timings).text,
        ))
    }

    fn hidden(
        &self,
        original: &Bytes,
        progress: impl FnMut(Progress),
    ) -> Result<(Bytes, Timings), Failure> {
        let command = Command::Hide {
            name: "photo".into(),
            original: original.clone(),
            carrier: Carrier::default(),
        };
        match self.talk("alice")?.ask(command, progress)? {
            Outcome::Hidden {
                picture, timings, ..
            } => Ok((picture, timings)),
            _ => Err(broken("not hidden")),
        }
    }

    /// Changes the lowest bit of one sample in the middle of the hidden content.
    fn flip(&self) -> Told {
        let (picture, _) = self.hidden(&Bytes::from_static(&[7; 4_800]), |_| {})?;
        let bad = |error: stego::StegoError| broken(error.to_string());
        let limits = stego::DecodeLimits::default();
        let mut bent = stego::decode(&picture, &limits).map_err(bad)?;
        bent.samples_mut()[1_000] ^= 1;
        let bent = stego::encode_png(&bent).map_err(bad)?;
        match self.ask("alice", Command::Reveal(bent.into())) {
            Err(failure) if failure.reason == Reason::Integrity => Ok(failure.message),
            Err(failure) => Err(failure),
            Ok(_) => Err(broken("a damaged picture was opened")),
        }
    }

    /// Lets the server that was just elected fall silent, without a goodbye.
    fn fail(&self) -> Told {
        let original = self.picture()?.0.clone();
        let cluster = stage_of(self.stage).cluster();
        let mut failed = None;
        let (_, timings) = self.hidden(&original, |step| {
            if let (Progress::Elected { node, .. }, None) = (step, &failed) {
                let data = cluster::server_folder(&cluster, node.0);
                let hold_ms = ServerConfig::load(&data.join("server.toml"))
                    .map_or(5_000, |config| config.token.hold_min_ms);
                let command = ServerCommand::FailNow {
                    hold_ms,
                    announced: false,
                };
                failed = Some((node, cluster::command(&data, command)));
            }
        })?;
        let (node, reply) = failed.ok_or_else(|| broken("nobody was elected"))?;
        match reply? {
            crate::proto::operator::ServerReply::Ok if timings.owners > 1 => Ok(format!(
                "{node} fell silent, {} finished it: {}",
                timings
                    .node
                    .map(|node| node.to_string())
                    .unwrap_or_default(),
                render::timings(&timings).text,
            )),
            reply => Err(broken(format!("{node} did not fail in time: {reply:?}"))),
        }
    }
}

/// Tries again until something is there. The last failure counts, or else `otherwise`.
pub(super) fn until<T>(
    otherwise: &str,
    mut attempt: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let mut last = broken(otherwise);
    for _ in 0..PATIENCE.as_millis() / STEP.as_millis() {
        match attempt() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(failure) => last = failure,
        }
        pause(STEP);
    }
    Err(last)
}

pub(super) fn broken(message: impl Into<String>) -> Failure {
    Failure::new(
        Reason::Other,
        message,
        "see node.log in the folders, with --keep",
    )
}
