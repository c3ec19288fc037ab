//! Where answers of the edges enter the concerns: one actor that asks the role what goes where.

use std::rc::Rc;

use actix::{Actor, Context, Handler};

use super::shell::{In, Post};
use crate::actors::edges::{DiskAnswer, DiskOrder, Ticket, Work, WorkDone};
use crate::net::codec_actor::{CodecActor, Order};
use crate::proto::packet::{Fragment, FragmentAck, Packet};

/// Messages from edges on other threads that may wait.
pub const MAILBOX: usize = 4_096;

/// A role that knows what an arrival from outside means.
pub trait Accept: Post {
    /// What can arrive from the edges.
    type Ingress: Send + 'static;

    /// Turns an arrival into messages for concerns, in order.
    fn accept(ingress: Self::Ingress, to: &mut Vec<Self::To>);

    /// Accepts and posts.
    fn take(&self, ingress: Self::Ingress) {
        let mut routed = Vec::new();
        Self::accept(ingress, &mut routed);
        for to in routed {
            self.deliver(to);
        }
    }
}

/// The actor.
pub struct Switchboard<P>(pub Rc<P>);

impl<P: Accept> Actor for Switchboard<P> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl<P: Accept> Handler<In<P::Ingress>> for Switchboard<P> {
    type Result = ();

    fn handle(&mut self, In(ingress): In<P::Ingress>, _: &mut Self::Context) {
        self.0.take(ingress);
    }
}

/// The packets of one burst, sorted: pieces of messages travel on together, the rest one by one.
#[derive(Debug, Default)]
pub struct Burst {
    /// Pieces of messages, in order of arrival.
    pub fragments: Vec<Fragment>,
    /// Acknowledgements of pieces, in order of arrival.
    pub acks: Vec<FragmentAck>,
    /// All others, in order of arrival.
    pub others: Vec<Packet>,
}

impl Burst {
    /// Sorts packets.
    #[must_use]
    pub fn sort(packets: Vec<Packet>) -> Self {
        let mut burst = Self::default();
        for packet in packets {
            match packet {
                Packet::Fragment(fragment) => burst.fragments.push(fragment),
                Packet::FragmentAck(ack) => burst.acks.push(ack),
                other => burst.others.push(other),
            }
        }
        burst
    }
}

/// The net edge does not know how concerns carry their messages; here the two meet.
impl Handler<In<Order>> for CodecActor {
    type Result = ();

    fn handle(&mut self, In(order): In<Order>, ctx: &mut Self::Context) {
        Handler::<Order>::handle(self, order, ctx);
    }
}

/// An order for the disk, with its number.
#[derive(Debug)]
pub struct DiskRequest {
    /// The number.
    pub ticket: Ticket,
    /// The order.
    pub order: DiskOrder,
}

/// An order for the CPU pool, with its number.
#[derive(Debug)]
pub struct WorkRequest {
    /// The number.
    pub ticket: Ticket,
    /// The work.
    pub work: Work,
}

/// An answer of an edge that every role has.
#[derive(Debug)]
pub enum EdgeAnswer {
    /// The disk's.
    Disk(Ticket, DiskAnswer),
    /// The CPU pool's.
    Work(Ticket, WorkDone),
}
