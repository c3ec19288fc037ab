//! Where answers of the edges enter the concerns: one actor that asks the role what goes where.

use std::rc::Rc;

use actix::{Actor, AsyncContext, Context, Handler, Message, WrapFuture};

use super::shell::{In, Post};
use crate::actors::edges::{DiskAnswer, DiskOrder, HttpAnswer, HttpOrder, Ticket, Work, WorkDone};
use crate::transport::contract::Incoming;

/// Messages from edges on other threads that may wait.
pub const MAILBOX: usize = 4_096;

/// A role that knows what an arrival from outside means.
pub trait Accept: Post {
    /// What can arrive from the edges.
    type Ingress: From<Vec<Incoming>> + Send + 'static;

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

/// What the transport tells together.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Arrived(pub Vec<Incoming>);

impl<P: Accept> Handler<Arrived> for Switchboard<P> {
    type Result = ();

    fn handle(&mut self, Arrived(shipment): Arrived, ctx: &mut Self::Context) {
        self.0.take(shipment.into());
        // The concerns empty their mailboxes before the next shipment fills them.
        ctx.wait(tokio::task::yield_now().into_actor(self));
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

/// A question over HTTP, with its number.
#[derive(Debug)]
pub struct HttpRequest {
    /// The number.
    pub ticket: Ticket,
    /// The question.
    pub order: HttpOrder,
}

/// An order for the CPU pool, with its number.
#[derive(Debug)]
pub struct WorkRequest {
    /// The number.
    pub ticket: Ticket,
    /// The work.
    pub work: Work,
}

/// An answer of an edge.
#[derive(Debug)]
pub enum EdgeAnswer {
    /// The disk's.
    Disk(Ticket, DiskAnswer),
    /// The CPU pool's.
    Work(Ticket, WorkDone),
    /// Of a service over HTTP. Only servers ask one.
    Http(Ticket, HttpAnswer),
}
