//! What a node finds on its disk when it starts, every row whatever it likes: the node starts,
//! answers who asks how things are, goes on for a while, and does not fill its disk.
//!
//! The first byte tells the role. A row is a byte for its table, one for the length of its key, two
//! for that of its value, and both; rows of the agreed log that carry a checksum get a right one
//! unless the highest bit of the byte for the table says otherwise.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use pentimento::actors::edges::{DiskAnswer, DiskOrder, Row, Table};
use pentimento::crypto::identity::SecretIdentity;
use pentimento::node::config::{ClientConfig, ServerConfig, TokenConfig};
use pentimento::node::machines::{self, Tables};
use pentimento::node::switchboard::{Accept, DiskRequest, EdgeAnswer};
use pentimento::node::{client, server};
use pentimento::proto::control::{Command, Wish};
use pentimento::proto::ids::WishId;
use pentimento::sim::cast::{self, server_secret};
use pentimento::sim::network::Weather;
use pentimento::sim::node::Role;
use pentimento::sim::world::{World, wall_time};
use pentimento::time::{Calendar, Moment};

use crate::Input;

/// Rows in one call at the most.
const ROWS_MAX: usize = 32;
/// Times that a node is woken in one call.
const WAKES: usize = 6;
/// What a node orders at each of them, and for each wish, at the most.
const ORDERS_MAX: usize = 2_000;

/// Servers and clients as the simulator has them, so that rows of its nodes are those of these.
static ROLES: LazyLock<(ServerConfig, Vec<(ClientConfig, SecretIdentity)>)> = LazyLock::new(|| {
    let mut world = World::new(1, Weather::FAIR);
    cast::add(&mut world, 3, &["alice", "bob"], TokenConfig::default());
    let Role::Server(server) = world.role(0).clone() else {
        panic!("servers come first");
    };
    let clients = (3..5).filter_map(|node| match world.role(node).clone() {
        Role::Client(config, identity) => Some((*config, *identity)),
        Role::Server(_) => None,
    });
    (*server, clients.collect())
});

/// The rows of a disk as this target reads them.
pub fn bytes_of(role: u8, tables: &Tables) -> Vec<u8> {
    let mut bytes = vec![role];
    for (table, rows) in tables {
        let place = Table::ALL.iter().position(|one| one == table);
        for (key, value) in rows {
            bytes.push(place.unwrap_or_default() as u8);
            bytes.push(key.len() as u8);
            bytes.extend((value.len() as u16).to_le_bytes());
            bytes.extend(key);
            bytes.extend(value);
        }
    }
    bytes
}

fn tables_of(input: &mut Input<'_>) -> Tables {
    let mut rows: BTreeMap<(Table, Vec<u8>), Bytes> = BTreeMap::new();
    for _ in 0..ROWS_MAX {
        if input.is_empty() {
            break;
        }
        let what = input.byte();
        let table = Table::ALL[usize::from(what & 0x7f) % Table::ALL.len()];
        let (key, value) = (usize::from(input.byte()), usize::from(input.short()));
        let key = input.bytes(key).to_vec();
        let mut value = input.bytes(value).to_vec();
        let is_summed =
            table == Table::RaftState || (table, &key[..]) == (Table::LedgerSnapshot, b"head");
        if is_summed && what & 0x80 == 0 && value.len() >= 16 {
            let sum = sum(table, &key, &value[16..]);
            value[..16].copy_from_slice(&sum);
        }
        rows.insert((table, key), value.into());
    }
    let mut tables = Tables::new();
    for ((table, key), value) in rows {
        let of: &mut Vec<Row> = tables.entry(table).or_default();
        of.push((key, value));
    }
    tables
}

/// The checksum of a row about the agreed log.
fn sum(table: Table, key: &[u8], payload: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 agreed log row");
    hasher.update(&[u8::from(table == Table::LedgerSnapshot)]);
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(payload);
    let mut sum = [0; 16];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    sum
}

/// See the module.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let role = usize::from(input.byte() % 3);
    let tables = tables_of(&mut input);
    let calendar = Calendar {
        // A minute after the rows of the seeds were written.
        started_at: wall_time(120_000_000),
    };
    match role {
        0 => {
            let secret = server_secret(1);
            serve(machines::server(
                &ROLES.0, secret, tables, calendar, [7; 32],
            ));
        }
        _ => {
            let (config, identity) = &ROLES.1[role - 1];
            let identity = identity.clone();
            use_client(machines::client(
                config, identity, tables, calendar, [7; 32],
            ));
        }
    }
}

fn answer(order: &DiskOrder) -> DiskAnswer {
    match order {
        DiskOrder::Read(_) => DiskAnswer::Read(Bytes::from_static(b"a picture")),
        DiskOrder::Write(_) | DiskOrder::Keep(..) | DiskOrder::Delete(_) => DiskAnswer::Written,
    }
}

fn serve(mut machines: server::Machines) {
    let mut edges = Vec::new();
    for wake in 1..=WAKES {
        let now = Moment::from_millis(wake as u64 * 400);
        machines.on_deadline(now, &mut edges);
        for _ in 0..4 {
            assert!(edges.len() <= ORDERS_MAX, "{}", edges.len());
            for edge in std::mem::take(&mut edges) {
                let server::To::Disk(DiskRequest { ticket, order }) = edge else {
                    continue;
                };
                let mut routed = Vec::new();
                let answered = EdgeAnswer::Disk(ticket, answer(&order));
                server::Mailboxes::accept(server::Ingress::Edge(answered), &mut routed);
                for to in routed {
                    machines.handle(now, to, &mut edges);
                }
            }
        }
    }
}

/// What a person asks of a node that has just started.
fn wishes() -> [Command; 10] {
    [
        Command::Status,
        Command::Peers,
        Command::Leases,
        Command::Requests,
        Command::Rules,
        Command::Gallery(None),
        Command::Ledger(None),
        Command::View(String::new()),
        Command::ReturnLooks {
            lease: String::new(),
        },
        Command::TakeLooks {
            lease: String::new(),
            looks: None,
            until: None,
        },
    ]
}

fn use_client(mut machines: client::Machines) {
    let mut edges = Vec::new();
    for wake in 1..=WAKES {
        let now = Moment::from_millis(wake as u64 * 400);
        machines.on_deadline(now, &mut edges);
        if wake == 2 {
            for (number, command) in (1..).zip(wishes()) {
                let id = WishId(number);
                let mut routed = Vec::new();
                let wish = client::Ingress::Wish(Wish { id, command });
                client::Mailboxes::accept(wish, &mut routed);
                for to in routed {
                    machines.handle(now, to, &mut edges);
                }
            }
        }
        for _ in 0..4 {
            assert!(edges.len() <= ORDERS_MAX, "{}", edges.len());
            for edge in std::mem::take(&mut edges) {
                let client::To::Disk(DiskRequest { ticket, order }) = edge else {
                    continue;
                };
                let mut routed = Vec::new();
                let answered = EdgeAnswer::Disk(ticket, answer(&order));
                client::Mailboxes::accept(client::Ingress::Edge(answered), &mut routed);
                for to in routed {
                    machines.handle(now, to, &mut edges);
                }
            }
        }
    }
}
