//! Somebody who reads the ledger in etcd all the while, as a server does, and notes its log.
//!
//! It is a server's machine without clients and without a disk, so it reads by the code that is
//! judged; but what people were told it does not know.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;

use super::history::Seen;
use crate::actors::consensus::{
    Agreed, Config, Etcd, EtcdConfig, Input, Output, Rows, Standing, StateMachine,
};
use crate::actors::edges::DiskAnswer;
use crate::actors::machine::{Machine, Outbox};
use crate::ledger::{Damaged, Effect};
use crate::node::clock::Clock;
use crate::node::http_desk::HttpClient;
use crate::proto::ids::{Digest, NodeId};
use crate::proto::ledger::Reply;
use crate::talk::session::pause;
use crate::time::WallTime;

/// Its number: that of no server.
const ME: NodeId = NodeId(u8::MAX);
/// Answers that wait to be taken in.
const ANSWERS_MAX: usize = 64;
/// It looks for answers so often.
const STEP: Duration = Duration::from_millis(2);
/// What the last server wrote it reads within so long.
const LAST: Duration = Duration::from_secs(4);

/// The ledger, and the log as it was applied.
#[derive(Clone, Default)]
struct Noting {
    agreed: Agreed,
    log: Vec<(u64, WallTime, Bytes)>,
}

impl StateMachine for Noting {
    type Reply = Reply;
    type Effect = Effect;
    type Damaged = Damaged;

    fn admit(&mut self, clock: WallTime, command: &[u8]) -> Result<(), Reply> {
        self.agreed.admit(clock, command)
    }

    fn apply(&mut self, seq: u64, stamp: WallTime, command: &[u8]) -> (Reply, Vec<Effect>) {
        self.log.push((seq, stamp, Bytes::copy_from_slice(command)));
        self.agreed.apply(seq, stamp, command)
    }

    fn due(&self) -> Option<WallTime> {
        self.agreed.due()
    }

    fn query(&self, question: &[u8]) -> Reply {
        self.agreed.query(question)
    }

    fn snapshot(&self) -> Bytes {
        self.agreed.snapshot()
    }

    fn restore(snapshot: &[u8]) -> Result<Self, Damaged> {
        Ok(Self {
            agreed: Agreed::restore(snapshot)?,
            log: Vec::new(),
        })
    }

    fn digest(&self) -> Digest {
        self.agreed.digest()
    }
}

/// See the module.
pub(in crate::chaos) struct Observer {
    end: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Observer {
    /// Begins to read.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub(in crate::chaos) fn begin(
        servers: Vec<NodeId>,
        urls: &[String],
        etcd: EtcdConfig,
        seed: u64,
    ) -> io::Result<Self> {
        let end = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&end);
        let client = HttpClient::new(urls);
        let thread = thread::Builder::new()
            .name("observer".into())
            .spawn(move || observe(servers, &client, etcd, seed, &ends))?;
        Ok(Self { end, thread })
    }

    /// Reads what was written last.
    ///
    /// # Errors
    /// If the thread panicked.
    pub(super) fn end(self) -> io::Result<Seen> {
        pause(LAST);
        self.end.store(true, Ordering::Relaxed);
        let gone = |_| io::Error::other("the thread of the observer is gone");
        self.thread.join().map_err(gone)
    }
}

fn observe(
    servers: Vec<NodeId>,
    client: &HttpClient,
    etcd: EtcdConfig,
    seed: u64,
    end: &AtomicBool,
) -> Seen {
    let clock = Clock::start();
    let config = Config::lan(ME, servers, clock.calendar());
    let seed = blake3::derive_key("pentimento 1 observer of a chaos run", &seed.to_le_bytes());
    let mut machine = Etcd::new(config, etcd, Noting::default(), &Rows::default(), seed);
    let (tell, told) = sync_channel(ANSWERS_MAX);
    let mut seen = Seen::default();
    while !end.load(Ordering::Relaxed) {
        turn(&mut machine, &clock, client, (&tell, &told), &mut seen);
        pause(STEP);
    }
    if machine.standing() != Standing::Serving {
        let what = format!("a reader of etcd is {} at the end", machine.standing());
        seen.wrong.push(what);
    }
    for (seq, stamp, command) in &machine.state().log {
        seen.add(*seq, *stamp, command.clone());
    }
    seen
}

type Answers<'a> = (&'a SyncSender<Input>, &'a Receiver<Input>);

fn turn(
    machine: &mut Etcd<Noting>,
    clock: &Clock,
    client: &HttpClient,
    (tell, told): Answers<'_>,
    seen: &mut Seen,
) {
    let mut out = Outbox::new();
    while let Ok(input) = told.try_recv() {
        machine.handle(clock.now(), input, &mut out);
    }
    let now = clock.now();
    if machine.deadline().is_some_and(|at| at <= now) {
        machine.on_deadline(now, &mut out);
    }
    for output in out.take() {
        match output {
            Output::Http { ticket, order } => {
                let (client, tell) = (client.clone(), tell.clone());
                let asks = thread::Builder::new().name("etcd".into()).spawn(move || {
                    let answer = client.ask(&order);
                    // After the end nobody waits for it.
                    let _ = tell.send(Input::Http { ticket, answer });
                });
                if let Err(error) = asks {
                    seen.wrong.push(format!("a reader of etcd: {error}"));
                }
            }
            Output::Disk { ticket, .. } => {
                let answer = DiskAnswer::Written;
                machine.handle(now, Input::Disk { ticket, answer }, &mut Outbox::new());
            }
            Output::Quarantined(why) => seen.wrong.push(format!("a reader of etcd: {why}")),
            _ => {}
        }
    }
}
