//! Who is in a world: the servers at the first places, then the clients, each with its addresses.

use std::net::SocketAddr;

use super::node::Role;
use super::world::World;
use crate::crypto::identity::SecretIdentity;
use crate::crypto::static_key::StaticSecret;
use crate::node::config::{
    ClientConfig, LedgerConfig, ServerAddress, ServerConfig, TokenConfig, WorkConfig,
};

/// Adds `servers` servers and a client for each name to an empty world. At most 100 of either.
pub fn add(world: &mut World, servers: usize, clients: &[&str], token: TokenConfig) {
    let addresses: Vec<ServerAddress> = (1..=servers as u8).map(server_address).collect();
    for own in &addresses {
        let config = ServerConfig {
            id: own.id,
            data: std::path::PathBuf::new(),
            covers: None,
            admin: address(100 + own.id, 3),
            token,
            work: WorkConfig {
                threads: 2,
                ..WorkConfig::default()
            },
            ledger: LedgerConfig::default(),
            servers: addresses.clone(),
        };
        world.add(Role::Server(Box::new(config)));
    }
    for (place, name) in (servers..).zip(clients) {
        let config = ClientConfig {
            name: (*name).into(),
            home: None,
            listen: address(place as u8, 1),
            local_addresses: true,
            servers: addresses.clone(),
        };
        let identity = SecretIdentity::from_secret([place as u8; 32]);
        world.add(Role::Client(Box::new(config), Box::new(identity)));
    }
}

fn address(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], port))
}

fn server_address(id: u8) -> ServerAddress {
    ServerAddress {
        id,
        clients: address(100 + id, 1),
        peers: address(100 + id, 2),
        key: server_secret(id).public(),
    }
}

/// The key of a server.
#[must_use]
pub fn server_secret(id: u8) -> StaticSecret {
    StaticSecret::from_bytes([100 + id; 32])
}
