//! The sockets of a node, on a thread of their own, and the transport behind each of them.

use std::collections::BTreeSet;
use std::net::UdpSocket;

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
    NetActor::start_in(&Arbiter::new().handle(), move || Edge {
        faces: vec![NewFace {
            socket,
            core: faces::client(&config, &identity, clock.calendar(), seed),
            servers: config.servers.iter().map(|server| server.node()).collect(),
            users: true,
        }],
        now: Box::new(move || clock.now()),
        sink: sink(told),
    })
}
