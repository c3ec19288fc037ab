//! Seeds of the targets about what servers agree on, and about what nodes find when they start.

use bytes::Bytes;
use pentimento::actors::edges::Table;
use pentimento::crypto::identity::SecretIdentity;
use pentimento::node::config::TokenConfig;
use pentimento::node::machines::Tables;
use pentimento::proto::codec;
use pentimento::proto::control::{AskRule, Carrier, Command as Wanted, Rule, Wish};
use pentimento::proto::ids::{AccountId, DeviceId, Digest, GrantId, NodeId, ViewId, WishId};
use pentimento::proto::lease::Conditions;
use pentimento::proto::ledger::{Command, Entry, Opening, Question};
use pentimento::sim::cast;
use pentimento::sim::network::Weather;
use pentimento::sim::node::Happening;
use pentimento::sim::world::World;
use pentimento::time::WallTime;
use pentimento_fuzz::raft::letters::{Kind, Letter, Message};
use pentimento_fuzz::rows;

use super::{noise, prefixed, write};

const SECOND: u64 = 1_000_000;
/// Longer rows are left out: a fuzzer changes short ones sooner.
const ROW_MAX_BYTES: usize = 1_500;

pub(super) fn all() -> std::io::Result<()> {
    raft()?;
    ledger()?;
    config()?;
    disks()?;
    for kind in 0..8 {
        write(
            "secrets",
            &format!("noise{kind}"),
            &prefixed(&[kind], &noise(kind, 90)),
        )?;
        write(
            "etcd",
            &format!("{kind:02}"),
            &noise(kind, 50 << (kind % 3)),
        )?;
    }
    write(
        "etcd",
        "sound",
        &[[1, 1, 9, b'a', 5].repeat(9), vec![0, 200]].concat(),
    )
}

fn raft() -> std::io::Result<()> {
    for kind in Kind::ALL {
        let mut message = Message::new(kind, if kind == Kind::ReadIndex { 0 } else { 2 });
        (message.index, message.log_term, message.commit) = (12, 1, 12);
        let letter = Letter::Raft(message).encode();
        write("raft", &format!("{kind:?}"), &prefixed(&[10], &letter))?;
    }
    let others = [
        Letter::Hello {
            boot: 1,
            new_ones: vec![NodeId(1)],
        },
        Letter::Checkpoint {
            seq: 8,
            digest: Digest([1; 32]),
        },
    ];
    for (number, letter) in others.iter().enumerate() {
        let bytes = prefixed(&[8], &letter.encode());
        write("raft", &format!("letter{number}"), &bytes)?;
    }
    for first in 0..8 {
        let steps = noise(first, 40 << (first % 3));
        write(
            "raft",
            &format!("steps{first}"),
            &prefixed(&[first], &steps),
        )?;
    }
    // A leader that is answered truly goes on.
    let steps = [6, 1, 1, 9, b'a', 8, 136, 0, 3, 9, 137].repeat(3);
    write("raft", "leading", &prefixed(&[7], &steps))
}

fn ledger() -> std::io::Result<()> {
    let [owner, borrower] = [1, 2].map(|one| SecretIdentity::from_secret([one; 32]));
    let opening = Opening {
        grant: GrantId([7; 16]),
        granted_at: WallTime(5),
        borrower: borrower.user_id(),
        looks: 3,
        not_before: None,
        until: None,
        offline_max: 1,
        threshold: 1,
        share_hashes: vec![Digest([1; 32])],
    };
    let look = Command::Spend {
        account: AccountId([1; 16]),
        view: ViewId([2; 16]),
        reply_key: [3; 32],
        device: DeviceId([4; 16]),
    };
    let stamp = WallTime(6);
    let open = owner.command(stamp, Command::Open(opening.clone()));
    let look = borrower.command(stamp, look);
    let question = Question::Account(AccountId([1; 16]));
    let entry = Entry {
        stamp,
        signed: Some(look.clone()),
    };
    for (kind, name, bytes) in [
        (20, "order", open.encode()),
        (21, "entry", codec::encode(&entry)),
        (22, "question", codec::encode(&question)),
        (25, "opening", codec::encode(&opening)),
    ] {
        write("messages", name, &prefixed(&[kind], &bytes))?;
    }
    for (kind, name, bytes) in [
        (0, "open", open.encode()),
        (0, "look", look.encode()),
        (1, "bytes", look.encode()),
        (2, "none", Vec::new()),
        (0x20, "same", Vec::new()),
        (0x20, "changed", vec![60, 0, 1]),
        (0x21, "damaged", vec![60, 0, 9]),
    ] {
        write("ledger", name, &prefixed(&[kind], &bytes))?;
    }
    for (number, first) in [0x41, 0x47, 0x60, 0x80, 0xff].into_iter().enumerate() {
        let number = number as u8;
        let steps = noise(number, 50 << (number % 3));
        write(
            "ledger",
            &format!("orders{number}"),
            &prefixed(&[first], &steps),
        )?;
    }
    Ok(())
}

fn config() -> std::io::Result<()> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/");
    let bare = |name: &str, keys: bool| -> std::io::Result<String> {
        let text = std::fs::read_to_string(format!("{folder}{name}"))?;
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let mut bare = String::new();
        let mut digit = 0;
        for line in lines {
            let is_key = keys && line.starts_with("key = ");
            digit += u8::from(is_key);
            match is_key {
                true => bare.push_str(&format!("key = \"{}\"", digit.to_string().repeat(64))),
                false => bare.push_str(line),
            }
            bare.push('\n');
        }
        Ok(bare)
    };
    let server = bare("server-1.toml", true)?;
    write("config", "server", &prefixed(&[0], server.as_bytes()))?;
    write(
        "config",
        "client",
        &prefixed(&[3], bare("client.toml", true)?.as_bytes()),
    )?;
    write(
        "config",
        "keyless",
        &prefixed(&[5], bare("client.toml", false)?.as_bytes()),
    )?;
    let list = format!("server=1=127.0.0.1:1/127.0.0.1:2/{}", "1".repeat(64));
    let server = format!("{list}\nid=1\ndata=n\ntoken.on=true\nwork.threads=2\nLEDGER__HISTORY=9");
    write("config", "flags", &prefixed(&[6], server.as_bytes()))?;
    let client = format!("{list}\nname=a\nlisten=127.0.0.1:0\nLISTEN=x");
    write("config", "client_flags", &prefixed(&[7], client.as_bytes()))
}

/// The disks of three servers and two clients after a short life together.
fn disks() -> std::io::Result<()> {
    let mut life = Life::begin();
    life.play();
    for (role, node) in [(0, 0), (1, 3), (2, 4)] {
        let tables = life.world.disk(node).tables();
        for (table, rows) in &tables {
            println!("node {node}: {table:?}, {} rows", rows.len());
        }
        let mut small: Tables = tables.clone();
        for rows in small.values_mut() {
            rows.retain(|(_, value)| value.len() <= ROW_MAX_BYTES);
            rows.truncate(3);
        }
        small.remove(&Table::RaftLog);
        write(
            "rows",
            &format!("node{node}"),
            &rows::bytes_of(role, &small),
        )?;
        if role == 0 {
            let agreed = [Table::RaftLog, Table::RaftState, Table::LedgerSnapshot];
            let mut log = tables;
            log.retain(|table, _| agreed.contains(table));
            write("rows", "agreed", &rows::bytes_of(role, &log))?;
        }
    }
    for role in 0..3 {
        let bytes = prefixed(&[role], &noise(role, 200));
        write("rows", &format!("noise{role}"), &bytes)?;
    }
    Ok(())
}

struct Life {
    world: World,
    wishes: u64,
}

impl Life {
    fn begin() -> Self {
        let mut world = World::new(1, Weather::FAIR);
        cast::add(&mut world, 3, &["alice", "bob"], TokenConfig::default());
        for node in 0..5 {
            world.start(node);
        }
        let mut life = Self { world, wishes: 0 };
        life.go_on(3);
        life
    }

    fn go_on(&mut self, seconds: u64) {
        let end = self.world.now() + seconds * SECOND;
        while self.world.step(end).is_some() {}
    }

    fn wish(&mut self, who: usize, command: Wanted) {
        self.wishes += 1;
        let id = WishId(self.wishes);
        self.world.poke(who, Happening::Wish(Wish { id, command }));
        self.go_on(2);
    }

    fn share(&mut self, name: &str, conditions: Conditions) {
        self.wish(
            3,
            Wanted::Share {
                name: name.to_owned(),
                original: Some(Bytes::from(noise(9, 300))),
                to: "bob".to_owned(),
                views: 3,
                conditions,
                carrier: Carrier::default(),
                keep_metadata: false,
            },
        );
    }

    fn play(&mut self) {
        let (alice, bob) = (3, 4);
        let rule = Rule {
            previews: true,
            asks: AskRule::Wait,
        };
        self.wish(
            alice,
            Wanted::Offer {
                name: "a".to_owned(),
                original: Bytes::from(noise(8, 300)),
                keep_metadata: false,
            },
        );
        self.wish(
            alice,
            Wanted::Hide {
                name: "h".to_owned(),
                original: Bytes::from(noise(7, 300)),
                carrier: Carrier::default(),
            },
        );
        self.wish(
            alice,
            Wanted::SetRule {
                peer: "bob".to_owned(),
                rule: Some(rule),
            },
        );
        self.wish(bob, Wanted::Gallery(Some("alice".to_owned())));
        self.share("strict", Conditions::STRICT);
        self.share(
            "lent",
            Conditions {
                offline: 2,
                ..Conditions::STRICT
            },
        );
        self.share("loose", Conditions::default());
        for image in ["strict", "loose"] {
            self.wish(bob, Wanted::View(format!("alice/{image}")));
        }
        self.wish(
            bob,
            Wanted::TakeLooks {
                lease: "alice/lent".to_owned(),
                looks: Some(2),
                until: None,
            },
        );
        self.world.crash(bob);
        self.go_on(3);
        self.share("later", Conditions::STRICT);
        self.go_on(6);
    }
}
