//! Makes the machines of a node from its configuration and the rows of its disk. Production and
//! simulation start here alike.

use std::collections::BTreeMap;

use super::config::{ClientConfig, ServerAddress, ServerConfig};
use super::{client, disk_name, server};
use crate::actors::edges::{Row, Table};
use crate::actors::{
    clerk, consensus, courier, custody, directory, drain, election, failure_token, lease_manager,
    mailbox, membership, presence, requester, sharing, stego_worker, studio,
};
use crate::crypto::identity::SecretIdentity;
use crate::crypto::static_key::StaticSecret;
use crate::proto::identity::PublicKey;
use crate::proto::ids::{DiskId, NodeId};
use crate::proto::lease::Conditions;
use crate::time::Calendar;

/// The rows of a disk, by table.
pub type Tables = BTreeMap<Table, Vec<Row>>;

/// A seed for one concern, so that none draws what another drew.
fn seed_for(seed: &[u8; 32], concern: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(seed);
    hasher.update(concern.as_bytes());
    *hasher.finalize().as_bytes()
}

fn take(tables: &mut Tables, table: Table) -> Vec<Row> {
    tables.remove(&table).unwrap_or_default()
}

/// The rows of the agreement on the ledger.
#[must_use]
pub fn agreed_rows(tables: &Tables) -> consensus::Rows {
    let of = |table| tables.get(&table).cloned().unwrap_or_default();
    consensus::Rows {
        log: of(Table::RaftLog),
        state: of(Table::RaftState),
        snapshot: of(Table::LedgerSnapshot),
    }
}

/// The servers and their keys by number: so everybody agrees on which share is whose.
fn in_order(servers: &[ServerAddress]) -> Vec<(NodeId, PublicKey)> {
    let mut servers: Vec<_> = servers.iter().map(|of| (of.node(), of.key)).collect();
    servers.sort_unstable_by_key(|(node, _)| *node);
    servers
}

/// The place of a server in that order, from 1.
fn place_of(server: NodeId, servers: &[ServerAddress]) -> u8 {
    let before = servers.iter().filter(|other| other.node() < server);
    u8::try_from(before.count() + 1).unwrap_or(u8::MAX)
}

/// The machines of a server. `secret` is the key that its sessions are made with; `seed` must be
/// fresh at each start.
#[must_use]
pub fn server(
    config: &ServerConfig,
    secret: StaticSecret,
    mut tables: Tables,
    calendar: Calendar,
    seed: [u8; 32],
) -> server::Machines {
    let me = config.own().node();
    let peers: Vec<NodeId> = config.others().map(|other| other.node()).collect();
    let token = failure_token::Config {
        on: config.token.on,
        announced: config.token.announced,
        hold_min_ms: config.token.hold_min_ms,
        hold_max_ms: config.token.hold_max_ms,
        pause_ms: config.token.pause_ms,
        ..failure_token::Config::lan(me, peers.clone(), calendar)
    };
    let work = stego_worker::Config {
        waiting_max: config.work.waiting_max,
        ..stego_worker::Config::lan(me, config.work.threads())
    };
    let incarnation = calendar.started_at;
    let disk = disk_name::of(&tables).unwrap_or(DiskId([0; 16]));
    server::Machines {
        membership: membership::Membership::new(membership::Config::lan(
            me,
            peers.clone(),
            incarnation,
        )),
        election: election::Election::new(election::Config::lan(me, peers.clone())),
        failure_token: failure_token::FailureToken::new(token, seed_for(&seed, "token")),
        directory: directory::Directory::new(
            directory::Config {
                disk,
                ..directory::Config::lan(me, peers.clone(), calendar, secret.clone())
            },
            seed_for(&seed, "directory"),
            take(&mut tables, Table::Names),
        ),
        ledger: consensus::Store::new(
            consensus::Config {
                log_tail: u64::from(config.ledger.history),
                ..consensus::Config::lan(me, peers.clone(), calendar)
            },
            config.ledger.etcd(),
            &agreed_rows(&tables),
            seed_for(&seed, "ledger"),
        ),
        custody: custody::Custody::new(
            custody::Config::lan(place_of(me, &config.servers), secret),
            seed_for(&seed, "custody"),
            take(&mut tables, Table::Shares),
        ),
        mailbox: mailbox::Mailbox::new(
            mailbox::Config::lan(me, peers, calendar),
            take(&mut tables, Table::Letters),
            take(&mut tables, Table::LetGo),
        ),
        stego_worker: stego_worker::StegoWorker::new(work),
        drain: drain::Drain::new(drain::Config::lan()),
    }
}

/// The machines of a client. `seed` must be fresh at each start.
#[must_use]
pub fn client(
    config: &ClientConfig,
    identity: SecretIdentity,
    mut tables: Tables,
    calendar: Calendar,
    seed: [u8; 32],
) -> client::Machines {
    let servers: Vec<NodeId> = config.servers.iter().map(|server| server.node()).collect();
    let ordered = in_order(&config.servers);
    let me = identity.user_id();
    let mut boot = [0; 8];
    boot.copy_from_slice(&seed_for(&seed, "boot")[..8]);
    client::Machines {
        presence: presence::Presence::new(
            presence::Config::lan(
                identity.clone(),
                config.name.clone(),
                servers.clone(),
                calendar,
            ),
            seed_for(&seed, "presence"),
            take(&mut tables, Table::Contacts),
        ),
        courier: courier::Courier::new(
            courier::Config {
                keys: ordered.iter().copied().collect(),
                ..courier::Config::lan(identity.clone(), servers.clone(), calendar)
            },
            seed_for(&seed, "courier"),
            take(&mut tables, Table::Outbox),
            take(&mut tables, Table::Seen),
        ),
        clerk: clerk::Clerk::new(
            clerk::Config::lan(
                identity,
                ordered.iter().map(|(node, _)| *node).collect(),
                calendar,
            ),
            seed_for(&seed, "clerk"),
        ),
        requester: requester::Requester::new(requester::Config::lan(
            servers,
            u64::from_le_bytes(boot),
        )),
        studio: studio::Studio::new(
            studio::Config::lan(me),
            seed_for(&seed, "studio"),
            take(&mut tables, Table::Keyring),
        ),
        sharing: sharing::Sharing::new(
            sharing::Config {
                answers: Conditions::STRICT,
                ..sharing::Config::lan(me, config.name.clone(), calendar)
            },
            seed_for(&seed, "sharing"),
            take(&mut tables, Table::Offers),
            take(&mut tables, Table::Asks),
            take(&mut tables, Table::Rules),
        ),
        lease_manager: lease_manager::LeaseManager::new(
            lease_manager::Config {
                servers: ordered,
                ..lease_manager::Config::lan(me, calendar)
            },
            seed_for(&seed, "leases"),
            take(&mut tables, Table::Leases),
            take(&mut tables, Table::Log),
        ),
    }
}
