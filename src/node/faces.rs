//! The faces of a node: one endpoint for each of its sockets, as its configuration says. Production
//! and simulation start here alike.

use std::net::SocketAddr;

use super::config::{ClientConfig, ServerConfig};
use crate::crypto::identity::SecretIdentity;
use crate::crypto::static_key::StaticSecret;
use crate::time::Calendar;
use crate::transport::endpoint::{Config, Endpoint, Server, Us};

/// A seed for one face, so that none draws what another drew.
fn seed_for(seed: &[u8; 32], face: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(seed);
    hasher.update(b"face ");
    hasher.update(face.as_bytes());
    *hasher.finalize().as_bytes()
}

/// The faces of a server: for clients, and for the other servers. `seed` must be fresh at each
/// start.
#[must_use]
pub fn server(
    config: &ServerConfig,
    secret: &StaticSecret,
    calendar: Calendar,
    seed: [u8; 32],
) -> Vec<Endpoint> {
    let own = Config::new(Us::Server(config.own().node()), *secret.bytes(), calendar);
    let others = config.others().map(|other| Server {
        node: other.node(),
        key: Some(other.key.0),
        address: other.peers,
    });
    let peers = Config {
        servers: others.collect(),
        strangers: false,
        ..own.clone()
    };
    vec![
        Endpoint::new(own, seed_for(&seed, "clients")),
        Endpoint::new(peers, seed_for(&seed, "peers")),
    ]
}

/// The one face of a client. `local_addresses`: where it is in its own networks.
#[must_use]
pub fn client(
    config: &ClientConfig,
    identity: &SecretIdentity,
    local_addresses: Vec<SocketAddr>,
    (calendar, seed): (Calendar, [u8; 32]),
) -> Endpoint {
    let us = Us::User(identity.public().sign);
    let servers = config.servers.iter().map(|server| Server {
        node: server.node(),
        key: Some(server.key.0),
        address: server.clients,
    });
    let config = Config {
        servers: servers.collect(),
        local_addresses: if config.local_addresses {
            local_addresses
        } else {
            Vec::new()
        },
        ..Config::new(us, *StaticSecret::of_user(identity).bytes(), calendar)
    };
    Endpoint::new(config, seed_for(&seed, "own"))
}
