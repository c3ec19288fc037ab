//! The clients of a run: each asks for a picture, waits until it is here, and asks for the next.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;

use crate::cli::bench::no_socket;
use crate::node::clock::Clock;
use crate::node::config::ServerAddress;
use crate::node::line::{Caller, Traffic, turn};
use crate::node::requests::{Ended, Requests};
use crate::proto::control::{Failure, Reason, Timings};

/// Nobody sleeps longer.
const NAP: Duration = Duration::from_millis(50);
/// What is still open so long after the end of a run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer to a request, or none.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// Whether it came while new requests were made.
    pub(super) in_time: bool,
    /// Where the time went, and which server it was; or why there is no picture.
    pub(super) outcome: Result<Timings, Reason>,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    /// How long new requests were made.
    pub(super) length: Duration,
    /// Those that have ended.
    pub(super) replies: Vec<Reply>,
    /// Requests that had not ended when everybody lost patience.
    pub(super) open: usize,
    /// What passed while new requests were made, of all clients.
    pub(super) traffic: Traffic,
}

impl Run {
    /// Goes on with another run of the same kind.
    pub(super) fn join(mut self, other: Self) -> Self {
        self.length += other.length;
        self.replies.extend(other.replies);
        self.open += other.open;
        self.traffic = Traffic {
            sent_bytes: self.traffic.sent_bytes + other.traffic.sent_bytes,
            received_bytes: self.traffic.received_bytes + other.traffic.received_bytes,
        };
        self
    }
}

/// See the module.
pub(super) struct Crowd {
    clock: Clock,
    users: Vec<Requests>,
}

impl Crowd {
    /// So many clients of these servers. `name` keeps them apart from those of other runs.
    ///
    /// # Errors
    /// If a socket cannot be had.
    pub(super) fn enter(
        servers: &[ServerAddress],
        clients: u16,
        name: &str,
    ) -> Result<Self, Failure> {
        let clock = Clock::start();
        let started = clock.calendar().started_at.0.to_le_bytes();
        let user = |number: u16| {
            // Each at an address of its own, since an address has a rate of handshakes.
            let [high, low] = number.to_be_bytes();
            let at = (Ipv4Addr::new(127, 2, high, low), 0).into();
            let words = [&started[..], &number.to_le_bytes(), name.as_bytes()].concat();
            let seed = blake3::derive_key("pentimento 1 client of an evaluation", &words);
            Requests::new(at, servers, clock, seed).map_err(|error| no_socket(&error))
        };
        let users = (0..clients).map(user).collect::<Result<_, Failure>>()?;
        Ok(Self { clock, users })
    }

    /// The first so many clients ask one time after the other, for so long, each for the next of
    /// these bodies. `check` sees every picture, with the number of its body.
    ///
    /// # Errors
    /// If sockets cannot be waited for, or a picture is not what it should be.
    pub(super) fn ask_on(
        &mut self,
        clients: u16,
        bodies: &[Bytes],
        length: Duration,
        mut check: impl FnMut(usize, &Bytes) -> Result<(), Failure>,
    ) -> Result<Run, Failure> {
        let (began, before) = (self.clock.now(), self.traffic());
        let mut asked = 0;
        let mut ask = |user: &mut Requests| {
            let body = asked % bodies.len().max(1);
            asked += 1;
            (user.hide(bodies[body].clone()), body)
        };
        let asking = self.users.iter_mut().take(usize::from(clients));
        let mut open: Vec<Option<(u64, usize)>> = asking.map(|user| Some(ask(user))).collect();
        let mut run = Run {
            length,
            ..Run::default()
        };
        let mut is_over = false;
        while open.iter().any(Option::is_some) {
            let since = self.clock.now().since(began);
            if since >= length && !is_over {
                is_over = true;
                run.traffic = less(self.traffic(), before);
            }
            if since > length + PATIENCE {
                break;
            }
            for (user, ended) in turn(&mut self.users, NAP).map_err(|error| no_socket(&error))? {
                let (number, outcome, picture) = match ended {
                    Ended::Hidden {
                        number,
                        picture,
                        timings,
                    } => (number, Ok(timings), Some(picture)),
                    Ended::Failed { number, failure } => (number, Err(failure.reason), None),
                };
                let Some((_, body)) = open
                    .get(user)
                    .copied()
                    .flatten()
                    .filter(|of| of.0 == number)
                else {
                    continue;
                };
                if let Some(picture) = picture {
                    check(body, &picture)?;
                }
                let in_time = self.clock.now().since(began) < length;
                run.replies.push(Reply { in_time, outcome });
                open[user] = in_time.then(|| ask(&mut self.users[user]));
            }
        }
        run.open = open.iter().flatten().count();
        Ok(run)
    }

    fn traffic(&self) -> Traffic {
        let lines = self.users.iter().map(|user| user.line().traffic());
        lines.fold(Traffic::default(), |sum, line| Traffic {
            sent_bytes: sum.sent_bytes + line.sent_bytes,
            received_bytes: sum.received_bytes + line.received_bytes,
        })
    }
}

const fn less(now: Traffic, before: Traffic) -> Traffic {
    Traffic {
        sent_bytes: now.sent_bytes - before.sent_bytes,
        received_bytes: now.received_bytes - before.received_bytes,
    }
}
