//! Three servers that agree on the ledger itself.

use crate::actors::consensus::*;
use crate::crypto::identity::SecretIdentity;
use crate::ledger::{Effect, Ledger};
use crate::proto::codec;
use crate::proto::ids::{AccountId, DeviceId, Digest, GrantId, ViewId};
use crate::proto::ledger::{Command, Opening, Question, Reply, Signed};
use crate::time::{Calendar, WallTime};

const STARTED: WallTime = WallTime(1_700_000_000_000);

/// Servers whose letters and disks take no time.
struct Group {
    servers: Vec<Consensus<Ledger>>,
    now: Moment,
    said: Vec<(usize, OutputOf<Ledger>)>,
    nonce: u64,
}

impl Group {
    fn new() -> Self {
        let nodes: Vec<NodeId> = (1..=3).map(NodeId).collect();
        let calendar = Calendar {
            started_at: STARTED,
        };
        let server = |&me: &NodeId| {
            let config = Config::lan(me, nodes.clone(), calendar);
            Consensus::new(config, Ledger::default(), &Rows::default(), [me.0; 32])
        };
        let mut group = Self {
            servers: nodes.iter().map(server).collect(),
            now: Moment::START,
            said: Vec::new(),
            nonce: 0,
        };
        group.pass(2_000);
        group
    }

    fn give(&mut self, server: usize, input: Input) {
        let mut inputs = vec![(server, input)];
        while let Some((server, input)) = inputs.pop() {
            let mut out = Outbox::new();
            self.servers[server].handle(self.now, input, &mut out);
            self.sort(server, out, &mut inputs);
        }
    }

    fn sort(
        &mut self,
        server: usize,
        mut out: Outbox<OutputOf<Ledger>>,
        inputs: &mut Vec<(usize, Input)>,
    ) {
        let from = NodeId(server as u8 + 1);
        for words in out.drain() {
            match words {
                Output::Send { to, message } => {
                    inputs.push((usize::from(to.0) - 1, Input::Heard { from, message }));
                }
                Output::Disk { ticket, .. } => {
                    let answer = DiskAnswer::Written;
                    inputs.push((server, Input::Disk { ticket, answer }));
                }
                other => self.said.push((server, other)),
            }
        }
    }

    fn pass(&mut self, millis: u64) {
        for _ in 0..millis / 20 {
            self.now = self.now.after(Duration::from_millis(20));
            for server in 0..self.servers.len() {
                let mut out = Outbox::new();
                self.servers[server].on_deadline(self.now, &mut out);
                let mut inputs = Vec::new();
                self.sort(server, out, &mut inputs);
                for (server, input) in inputs {
                    self.give(server, input);
                }
            }
        }
    }

    /// Gives an order to all servers; what they answer, each with its place.
    fn order(&mut self, signed: &Signed) -> Vec<(u64, Reply)> {
        self.said.clear();
        self.nonce += 1;
        for server in 0..self.servers.len() {
            let input = Input::Submit {
                client: signed.principal.user_id(),
                nonce: self.nonce,
                command: codec::encode(signed).into(),
            };
            self.give(server, input);
        }
        self.pass(1_000);
        let answer = |(_, words): &(usize, OutputOf<Ledger>)| match words {
            Output::Answer { seq, reply, .. } => Some((*seq, *reply)),
            _ => None,
        };
        self.said.iter().filter_map(answer).collect()
    }

    fn releases(&self) -> Vec<(usize, Effect)> {
        let mut releases = Vec::new();
        for (server, words) in &self.said {
            if let Output::Effects { effects, .. } = words {
                releases.extend(effects.iter().map(|&effect| (*server, effect)));
            }
        }
        releases
    }
}

#[test]
fn a_look_is_counted_once_by_all_and_every_server_lets_its_share_out() {
    let mut group = Group::new();
    let owner = SecretIdentity::from_secret([1; 32]);
    let borrower = SecretIdentity::from_secret([2; 32]);
    let opening = Opening {
        grant: GrantId([5; 16]),
        granted_at: STARTED,
        borrower: borrower.public().user_id(),
        looks: 1,
        not_before: None,
        until: None,
        offline_max: 0,
        threshold: 2,
        share_hashes: vec![Digest([7; 32]); 3],
    };
    let account = opening.account(owner.public().user_id());
    let at = |after: u64| WallTime(STARTED.0 + 2_000 + after);
    let opened = group.order(&owner.command(at(0), Command::Open(opening)));
    assert!(
        matches!(opened[..], [(_, Reply::Opened(_)), ..]),
        "{opened:?}"
    );
    let spend = |view: u8| Command::Spend {
        account,
        view: ViewId([view; 16]),
        reply_key: [view; 32],
        device: DeviceId([1; 16]),
    };
    let first = borrower.command(at(1_000), spend(1));
    let spent = group.order(&first);
    assert_eq!(spent.len(), 3);
    assert!(spent.iter().all(|answer| *answer == spent[0]), "{spent:?}");
    let releases = group.releases();
    assert_eq!(releases.len(), 3, "{releases:?}");
    assert!(releases.iter().all(|release| release.1 == releases[0].1));
    // The same look again, and another one.
    let (seq, again) = group.order(&first)[0];
    assert!(matches!(again, Reply::Spent { ordinal: 1, .. }) && seq > spent[0].0);
    let refused = group.order(&borrower.command(at(3_000), spend(2)))[0].1;
    assert!(matches!(refused, Reply::Refused(_)), "{refused:?}");
    told(&mut group, account);
}

/// Any server tells how the account stands, after asking how far the log is agreed.
fn told(group: &mut Group, account: AccountId) {
    group.said.clear();
    for server in 0..3 {
        let input = Input::Ask {
            client: UserId([9; 32]),
            nonce: 1,
            question: codec::encode(&Question::Account(account)).into(),
        };
        group.give(server, input);
    }
    group.pass(500);
    let told = group.said.iter().filter_map(|(_, words)| match words {
        Output::Told {
            reply: Reply::Stands(stands),
            ..
        } => Some(stands.spent),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<u32>>(), vec![1; 3]);
}
