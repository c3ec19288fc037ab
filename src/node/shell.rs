//! Gives any machine an actix mailbox and one timer. Written once for all concerns.
//!
//! One mailbox message is one `handle` call. Orders are routed by the role's arrows and posted to
//! bounded mailboxes; a full mailbox is a lost message, which every machine can bear, and is
//! counted. A closed mailbox means that a concern died of a bug: the node ends, for half a node is
//! worse than none.

use std::rc::Rc;

use actix::{Actor, AsyncContext, Context, Handler, Message, SpawnHandle};

use super::clock::Clock;
use crate::actors::machine::{Machine, Outbox};
use crate::time::Moment;

/// Carries an input to a concern.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct In<I>(pub I);

/// Where orders go: the mailboxes of one role.
pub trait Post: 'static {
    /// Every place in a node of this role that can receive something.
    type To;

    /// Posts to a mailbox, or counts a lost message.
    fn deliver(&self, to: Self::To);
}

/// The arrows from one concern: which of its orders goes where.
pub trait Arrows<O>: Post {
    /// Turns an order into messages for others, in order.
    fn route(order: O, to: &mut Vec<Self::To>);
}

/// A machine with its mailbox and timer.
pub struct Shell<M: Machine, P: Post> {
    machine: M,
    post: Rc<P>,
    clock: Clock,
    armed: Option<(Moment, SpawnHandle)>,
    out: Outbox<M::Output>,
    routed: Vec<P::To>,
}

impl<M: Machine, P: Post> Shell<M, P> {
    /// A shell around a machine.
    #[must_use]
    pub fn new(machine: M, post: Rc<P>, clock: Clock) -> Self {
        Self {
            machine,
            post,
            clock,
            armed: None,
            out: Outbox::new(),
            routed: Vec::new(),
        }
    }
}

impl<M, P> Shell<M, P>
where
    M: Machine + Unpin + 'static,
    P: Arrows<M::Output>,
    P::To: Unpin,
    M::Output: Unpin,
{
    /// Routes all orders of the last call, then sets the timer.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        for order in self.out.drain() {
            P::route(order, &mut self.routed);
        }
        for to in self.routed.drain(..) {
            self.post.deliver(to);
        }
        self.arm(ctx);
    }

    /// Sets the timer if the machine wants to be called earlier than it is set for. A timer that
    /// is too early is left alone: it fires, finds nothing due, and is set anew.
    fn arm(&mut self, ctx: &mut Context<Self>) {
        let Some(deadline) = self.machine.deadline() else {
            return;
        };
        if let Some((moment, handle)) = self.armed {
            if moment <= deadline {
                return;
            }
            ctx.cancel_future(handle);
        }
        let wait = deadline.since(self.clock.now());
        let handle = ctx.run_later(wait, Self::ring);
        self.armed = Some((deadline, handle));
    }

    fn ring(&mut self, ctx: &mut Context<Self>) {
        self.armed = None;
        let now = self.clock.now();
        if self
            .machine
            .deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            self.machine.on_deadline(now, &mut self.out);
        }
        self.settle(ctx);
    }
}

impl<M, P> Actor for Shell<M, P>
where
    M: Machine + Unpin + 'static,
    P: Arrows<M::Output>,
    P::To: Unpin,
    M::Output: Unpin,
{
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.arm(ctx);
    }
}

impl<M, P> Handler<In<M::Input>> for Shell<M, P>
where
    M: Machine + Unpin + 'static,
    P: Arrows<M::Output>,
    P::To: Unpin,
    M::Output: Unpin,
{
    type Result = ();

    fn handle(&mut self, In(input): In<M::Input>, ctx: &mut Self::Context) {
        self.machine.handle(self.clock.now(), input, &mut self.out);
        self.settle(ctx);
    }
}

/// Judges an attempt to post: a full mailbox is a lost message, a closed one ends the node.
pub fn post<T>(name: &'static str, sent: Result<(), actix::prelude::SendError<T>>) {
    match sent {
        Ok(()) => {}
        Err(actix::prelude::SendError::Full(_)) => {
            tracing::warn!(concern = name, "mailbox full, message lost");
        }
        Err(actix::prelude::SendError::Closed(_)) => {
            // Mailboxes also close in an orderly stop, when nobody waits for a message any more.
            if let Some(system) = actix::System::try_current() {
                tracing::error!(concern = name, "mailbox closed, the node ends");
                system.stop_with_code(1);
            }
        }
    }
}
