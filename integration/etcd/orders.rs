//! The machines of three servers over a real etcd, with several users at once while members are
//! killed. The log that etcd holds at the end, and every answer with its place and its time, are
//! judged by the checker of sequences.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pentimento::actors::consensus::{
    Config, Etcd, EtcdConfig, Input, Output, Rows, Standing, StateMachine,
};
use pentimento::actors::edges::DiskAnswer;
use pentimento::actors::machine::{Machine, Outbox};
use pentimento::crypto::identity::SecretIdentity;
use pentimento::ledger::check::{Call, sequence};
use pentimento::ledger::{Bounds, Damaged, Effect, Ledger};
use pentimento::node::http_desk::HttpClient;
use pentimento::proto::ids::{DeviceId, Digest, GrantId, NodeId, UserId, ViewId};
use pentimento::proto::ledger::{Answer, Command, Entry, Opening, Reply, Signed};
use pentimento::talk::session::pause;
use pentimento::time::{Calendar, Moment, WallTime};

use super::members::Members;

const USERS: u8 = 4;
const LOOKS: u32 = 40;

/// A ledger that notes the log as it applies it.
#[derive(Clone, Default)]
struct Noting {
    ledger: Ledger,
    log: sequence::Log,
}

impl StateMachine for Noting {
    type Reply = Reply;
    type Effect = Effect;
    type Damaged = Damaged;

    fn admit(&mut self, clock: WallTime, command: &[u8]) -> Result<(), Reply> {
        StateMachine::admit(&mut self.ledger, clock, command)
    }

    fn apply(&mut self, seq: u64, stamp: WallTime, command: &[u8]) -> (Reply, Vec<Effect>) {
        let entry = Entry::from_parts(stamp, command).expect("what was signed");
        self.log.push((seq, entry));
        StateMachine::apply(&mut self.ledger, seq, stamp, command)
    }

    fn due(&self) -> Option<WallTime> {
        self.ledger.due()
    }

    fn query(&self, question: &[u8]) -> Reply {
        self.ledger.query(question)
    }

    fn snapshot(&self) -> Bytes {
        StateMachine::snapshot(&self.ledger)
    }

    fn restore(snapshot: &[u8]) -> Result<Self, Damaged> {
        Ok(Self {
            ledger: <Ledger as StateMachine>::restore(snapshot)?,
            log: Vec::new(),
        })
    }

    fn digest(&self) -> Digest {
        StateMachine::digest(&self.ledger)
    }
}

/// Answers by client and number.
type Answers = Arc<Mutex<BTreeMap<(UserId, u64), (u64, Reply)>>>;

/// What is to be done by a server.
enum Task {
    Give(Input),
    End,
}

#[derive(Clone)]
struct Post {
    servers: Vec<SyncSender<Task>>,
    answers: Answers,
    started: Instant,
}

impl Post {
    #[expect(clippy::disallowed_methods, reason = "real processes in real time")]
    fn now(&self) -> Moment {
        let micros = u64::try_from(Instant::now().duration_since(self.started).as_micros());
        Moment::from_micros(micros.expect("not that long"))
    }
}

fn server(me: u8, urls: &[String], tasks: &Receiver<Task>, post: &Post) -> Noting {
    let nodes: Vec<NodeId> = (1..=3).map(NodeId).collect();
    let config = Config::lan(NodeId(me), nodes, Calendar::default());
    let etcd = EtcdConfig::lan(urls.len(), "test/orders".into());
    let rows = Rows::default();
    let mut machine = Etcd::new(config, etcd, Noting::default(), &rows, [me; 32]);
    let client = HttpClient::new(urls);
    let mut out = Outbox::new();
    loop {
        match tasks.try_recv() {
            Ok(Task::Give(input)) => machine.handle(post.now(), input, &mut out),
            Ok(Task::End) => break,
            Err(TryRecvError::Empty) => pause(Duration::from_millis(1)),
            Err(TryRecvError::Disconnected) => panic!("nobody is there"),
        }
        let now = post.now();
        if machine.deadline().is_some_and(|at| at <= now) {
            machine.on_deadline(now, &mut out);
        }
        for words in out.take() {
            sort(me, words, &client, post);
        }
    }
    assert_eq!(machine.standing(), Standing::Serving);
    machine.state().clone()
}

fn sort(me: u8, words: Output<Reply, Effect>, client: &HttpClient, post: &Post) {
    let own = post.servers[usize::from(me) - 1].clone();
    match words {
        Output::Send { to, message } => {
            let from = NodeId(me);
            let input = Input::Heard { from, message };
            // A full mailbox is a lost message.
            let _ = post.servers[usize::from(to.0) - 1].try_send(Task::Give(input));
        }
        Output::Http { ticket, order } => {
            let client = client.clone();
            let asked = thread::Builder::new().spawn(move || {
                let answer = client.ask(&order);
                let _ = own.try_send(Task::Give(Input::Http { ticket, answer }));
            });
            asked.expect("a thread");
        }
        Output::Disk { ticket, .. } => {
            let answer = DiskAnswer::Written;
            let _ = own.try_send(Task::Give(Input::Disk { ticket, answer }));
        }
        Output::Answer {
            client,
            nonce,
            seq,
            reply,
        } => {
            let mut answers = post.answers.lock().expect("nobody panicked");
            answers.entry((client, nonce)).or_insert((seq, reply));
        }
        Output::Refused { reply, .. } => panic!("refused: {reply:?}"),
        Output::Quarantined(why) => panic!("quarantined: {why}"),
        _ => {}
    }
}

/// Gives one order to all servers until one of them answers.
fn order(post: &Post, signed: &Signed, nonce: u64) -> Call {
    let client = signed.principal.user_id();
    let sent = post.now();
    let command = Bytes::from(signed.encode());
    loop {
        for server in &post.servers {
            let _ = server.try_send(Task::Give(Input::Submit {
                client,
                nonce,
                command: command.clone(),
            }));
        }
        for _ in 0..30 {
            pause(Duration::from_millis(10));
            let answers = post.answers.lock().expect("nobody panicked");
            if let Some(&(seq, reply)) = answers.get(&(client, nonce)) {
                return Call {
                    invoked: sent,
                    signed: signed.clone(),
                    answered: Some((post.now(), Answer { seq, reply })),
                };
            }
        }
    }
}

/// One user's orders: a grant to itself, and all its looks.
fn user(post: &Post, number: u8) -> Vec<Call> {
    let (owner, borrower) = (
        SecretIdentity::from_secret([number; 32]),
        SecretIdentity::from_secret([number + 100; 32]),
    );
    let clock = || Calendar::default().at(post.now());
    let opening = Opening {
        grant: GrantId([number; 16]),
        granted_at: clock(),
        borrower: borrower.user_id(),
        looks: LOOKS,
        not_before: None,
        until: None,
        offline_max: 0,
        threshold: 1,
        share_hashes: vec![Digest([number; 32])],
    };
    let account = opening.account(owner.user_id());
    let mut calls = vec![order(
        post,
        &owner.command(clock(), Command::Open(opening)),
        0,
    )];
    for look in 1..=LOOKS {
        let spend = Command::Spend {
            account,
            view: ViewId([look as u8; 16]),
            reply_key: [3; 32],
            device: DeviceId([4; 16]),
        };
        let signed = borrower.command(clock(), spend);
        let call = order(post, &signed, u64::from(look));
        calls.push(call);
    }
    calls
}

#[test]
fn answers_are_in_the_order_of_the_log_while_members_are_killed() {
    let Some(mut members) = Members::start() else {
        return;
    };
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| sync_channel(4_096)).unzip();
    #[expect(clippy::disallowed_methods, reason = "real processes in real time")]
    let started = Instant::now();
    let post = Post {
        servers: senders,
        answers: Answers::default(),
        started,
    };
    let urls = members.urls();
    let (calls, logs) = thread::scope(|scope| {
        let servers: Vec<_> = (1..=3)
            .zip(receivers)
            .map(|(me, tasks)| {
                let (post, urls) = (post.clone(), &urls);
                scope.spawn(move || server(me, urls, &tasks, &post))
            })
            .collect();
        let users: Vec<_> = (1..=USERS)
            .map(|number| {
                let post = post.clone();
                scope.spawn(move || user(&post, number))
            })
            .collect();
        let mut member = 0;
        while users.iter().any(|user| !user.is_finished()) {
            pause(Duration::from_millis(700));
            members.strike(member);
            pause(Duration::from_millis(900));
            members.raise(member);
            members.wait_ready();
            member = (member + 1) % 3;
        }
        let calls: Vec<Call> = users
            .into_iter()
            .flat_map(|user| user.join().expect("it ends"))
            .collect();
        // What one server has applied the others look for within a second.
        pause(Duration::from_secs(4));
        for server in &post.servers {
            server.send(Task::End).expect("it runs");
        }
        let logs: Vec<sequence::Log> = servers
            .into_iter()
            .map(|server| server.join().expect("it ends").log)
            .collect();
        (calls, logs)
    });
    let judged = sequence::check(Bounds::default(), &logs, &calls, true);
    let judged = judged.unwrap_or_else(|violation| panic!("{violation}"));
    let all = usize::from(USERS) * (LOOKS as usize + 1);
    assert_eq!(judged.answered, all);
    assert!(judged.entries >= all && logs.iter().all(|log| log.len() == judged.entries));
}
