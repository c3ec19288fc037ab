//! The sockets of a node, on a thread of their own, and the transport behind each of them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use actix::prelude::SendError;
use actix::{Addr, Handler, Recipient};
use actix_rt::Arbiter;

use super::clock::Clock;
use super::config::{ClientConfig, ServerConfig};
use super::faces;
use super::shell::In;
use super::switchboard::Arrived;
use crate::crypto::identity::SecretIdentity;
use crate::crypto::static_key::StaticSecret;
use crate::net::face::NewFace;
use crate::net::post::{NotTaken, Sink};
use crate::net::transport_actor::{Edge, TransportActor};
use crate::transport::contract::Order;
use crate::transport::endpoint::Endpoint;

/// The net edge does not know how concerns carry their messages; here the two meet.
impl Handler<In<Order>> for NetActor {
    type Result = ();

    fn handle(&mut self, In(order): In<Order>, ctx: &mut Self::Context) {
        self.order(order, ctx);
    }
}

/// The sockets of a node, with the transport behind them.
pub type NetActor = TransportActor<Endpoint>;

/// A way for what arrives to a role's switchboard, from another thread.
fn sink(switchboard: Recipient<Arrived>) -> Sink {
    Box::new(move |shipment| {
        switchboard
            .try_send(Arrived(shipment))
            .map_err(|error| match error {
                SendError::Full(Arrived(shipment)) => NotTaken::Full(shipment),
                SendError::Closed(_) => NotTaken::Closed,
            })
    })
}

/// Starts the two sockets of a server: for clients, and for the other servers. What arrives goes to
/// `told`.
#[must_use]
pub fn server(
    config: ServerConfig,
    secret: StaticSecret,
    sockets: [UdpSocket; 2],
    (clock, seed): (Clock, [u8; 32]),
    told: Recipient<Arrived>,
) -> Addr<NetActor> {
    NetActor::start_in(&Arbiter::new().handle(), move || {
        let endpoints = faces::server(&config, &secret, clock.calendar(), seed);
        let others = config.others().map(|other| other.node()).collect();
        let known = [(BTreeSet::new(), true), (others, false)];
        let faces = sockets.into_iter().zip(endpoints).zip(known);
        let faces = faces.map(|((socket, core), (servers, users))| NewFace {
            socket,
            core,
            servers,
            users,
        });
        Edge {
            faces: faces.collect(),
            now: Box::new(move || clock.now()),
            sink: sink(told),
        }
    })
}

/// Starts the one socket of a client. What arrives goes to `told`.
#[must_use]
pub fn client(
    config: ClientConfig,
    identity: SecretIdentity,
    socket: UdpSocket,
    (clock, seed): (Clock, [u8; 32]),
    told: Recipient<Arrived>,
) -> Addr<NetActor> {
    let local = local_addresses(&socket, &config);
    NetActor::start_in(&Arbiter::new().handle(), move || Edge {
        faces: vec![NewFace {
            socket,
            core: faces::client(&config, &identity, local, (clock.calendar(), seed)),
            servers: config.servers.iter().map(|server| server.node()).collect(),
            users: true,
        }],
        now: Box::new(move || clock.now()),
        sink: sink(told),
    })
}

/// Where a socket is in the networks of this host: at its own address or, if it has every one, at
/// those from which the servers are reached. Nothing is sent.
fn local_addresses(socket: &UdpSocket, config: &ClientConfig) -> Vec<SocketAddr> {
    let Ok(own) = socket.local_addr() else {
        return Vec::new();
    };
    if !own.ip().is_unspecified() {
        return vec![own];
    }
    let towards = |server: SocketAddr| {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let probe = UdpSocket::bind((any, 0)).ok()?;
        probe.connect(server).ok()?;
        let ip = probe.local_addr().ok()?.ip();
        Some(SocketAddr::new(ip, own.port()))
    };
    let servers = config.servers.iter();
    let found: BTreeSet<SocketAddr> = servers
        .filter_map(|server| towards(server.clients))
        .collect();
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::config::ServerAddress;
    use crate::proto::identity::PublicKey;

    #[test]
    fn a_socket_on_every_address_is_where_the_servers_are_reached_from() {
        let server = ServerAddress {
            id: 1,
            clients: SocketAddr::from(([127, 0, 0, 1], 9)),
            peers: SocketAddr::from(([127, 0, 0, 1], 10)),
            key: PublicKey([1; 32]),
        };
        let config = ClientConfig {
            name: "alice".to_owned(),
            home: None,
            listen: SocketAddr::from(([0, 0, 0, 0], 0)),
            local_addresses: true,
            servers: vec![server, server],
        };
        let socket = UdpSocket::bind(config.listen).expect("a free port");
        let port = socket.local_addr().expect("bound").port();
        let here = SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(local_addresses(&socket, &config), [here]);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let here = socket.local_addr().expect("bound");
        assert_eq!(local_addresses(&socket, &config), [here]);
    }
}
