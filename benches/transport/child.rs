//! One end of a peer as a process of its own, so that its processor time and memory are its own;
//! and the lines by which it is told what to do.

use std::io::{BufRead, Write, stdin, stdout};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::peer::{Client, Direction, Fault, Job, Listening, Peer, is_content};
use crate::usage::{self, Usage};

/// What an end is told, a line each.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Do a job so many times, one right after the other.
    Transfer {
        /// The job.
        job: Job,
        /// How often.
        times: u32,
        /// Meanwhile so many bytes come down over the same connection; none for zero.
        bulk_bytes: usize,
        /// Look at every byte that came, after the time is taken.
        is_checked: bool,
    },
    /// Say what was used.
    Usage,
    /// Count the largest memory from now on.
    Forget,
}

/// What it answers, a line each.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// A server serves.
    Listening(Listening),
    /// A client can be told jobs.
    Ready,
    /// How long each of the times took, in nanoseconds.
    Done(Vec<u64>),
    /// What was used.
    Usage(Usage),
    /// That is done.
    Forgotten,
    /// It could not be done.
    Failed(String),
}

/// Runs a server until nobody talks to it any more.
pub(crate) fn server(peer: &dyn Peer, bind: &str) -> Result<(), Fault> {
    say(&Reply::Listening(peer.serve(bind.parse()?)?))?;
    obey(|order| match order {
        Order::Transfer { .. } => Err("a server does no jobs".into()),
        other => common(&other),
    })
}

/// Runs a client until nobody talks to it any more.
pub(crate) fn client(peer: &dyn Peer, server: &str) -> Result<(), Fault> {
    let server: Listening = serde_json::from_str(server)?;
    let mut client = peer.client(&server)?;
    say(&Reply::Ready)?;
    obey(move |order| match order {
        Order::Transfer {
            job,
            times,
            bulk_bytes: 0,
            is_checked,
        } => {
            let took = transfers(client.as_mut(), job, times, is_checked)?;
            Ok(Reply::Done(took))
        }
        Order::Transfer {
            job,
            times,
            bulk_bytes,
            ..
        } => {
            let bulk = Job {
                bytes: bulk_bytes,
                direction: Direction::Down,
                ..job
            };
            let took = client.urgent(bulk, job, times)?;
            client.settle(false)?;
            let nanos = |took: Duration| u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            Ok(Reply::Done(took.into_iter().map(nanos).collect()))
        }
        other => common(&other),
    })
}

fn transfers(
    client: &mut dyn Client,
    job: Job,
    times: u32,
    is_checked: bool,
) -> Result<Vec<u64>, Fault> {
    let mut took = Vec::new();
    for _ in 0..times {
        let start = clock::now();
        let answer = client.transfer(job)?;
        took.push(u64::try_from(clock::since(start).as_nanos())?);
        if answer.len() != job.down() || (is_checked && !is_content(answer)) {
            return Err("what arrived is not what was sent".into());
        }
        if job.is_cold {
            client.settle(true)?;
        }
    }
    if !job.is_cold {
        client.settle(false)?;
    }
    Ok(took)
}

fn common(order: &Order) -> Result<Reply, Fault> {
    match order {
        Order::Usage => Ok(Reply::Usage(usage::usage()?)),
        _ => usage::forget_peak().map(|()| Reply::Forgotten),
    }
}

fn obey(mut act: impl FnMut(Order) -> Result<Reply, Fault>) -> Result<(), Fault> {
    for line in stdin().lock().lines() {
        let order = serde_json::from_str(&line?)?;
        say(&act(order).unwrap_or_else(|fault| Reply::Failed(fault.to_string())))?;
    }
    Ok(())
}

fn say(reply: &Reply) -> Result<(), Fault> {
    let mut out = stdout().lock();
    writeln!(out, "{}", serde_json::to_string(reply)?)?;
    Ok(out.flush()?)
}
