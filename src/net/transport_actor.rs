//! The net edge of a node: its sockets, the transport behind each of them, and the clock that
//! drives it.
//!
//! Lives on a thread of its own, so that neither pictures nor concerns keep a datagram waiting. A
//! node has one or two faces, each a socket with a transport of its own, so that the port for
//! clients and the port for servers can be guarded apart. Each face is a task; a turn of it reads,
//! writes and tells at most so much, then others get theirs. Orders are taken in bursts and leave
//! together. What arrives is told in one message for each turn. Nothing is encoded, decided or
//! remembered here.
//!
//! An order crosses one thread, as does an arrival: within a turn everything happens in place.
//! Deadlines are those of [`super::alarm`]: the kernel's own timer, waited for together with the
//! sockets. Spinning for near ones was left out, for a node shares its processors with pictures.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Poll, Waker};

use actix::dev::channel::channel;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, MessageResult, WrapFuture};
use actix_rt::ArbiterHandle;

use super::counts::Counts;
use super::face::{Core, Face, NewFace, Taken, Wake};
use super::post::Sink;
use super::socket::Buffers;
use crate::proto::packet::Party;
use crate::time::Moment;
use crate::transport::contract::{Incoming, Moved, Order, SendFailure};

/// Orders that may wait.
const MAILBOX: usize = 4_096;
/// Orders taken before the faces get their turn.
const ORDER_BURST: usize = 64;

/// Turns that whoever is told something on this thread needs until an answer is ordered: one to
/// hear it, one to carry the order. So the answer leaves together with the acknowledgement.
const ANSWER_TURNS: usize = 2;
/// Why an order for a party whom no face reaches comes to nothing.
const NO_WAY: &str = "no way to the receiver";

/// Tells the time.
pub type Now = Box<dyn Fn() -> Moment>;

/// What an actor needs on its thread.
pub struct Edge<C> {
    /// Its faces.
    pub faces: Vec<NewFace<C>>,
    /// Tells the time.
    pub now: Now,
    /// Takes what arrives.
    pub sink: Sink,
}

/// What faces share.
struct Shared {
    now: Now,
    sink: RefCell<Sink>,
    buffers: RefCell<Buffers>,
}

/// A face with its task.
struct Driver<C> {
    face: RefCell<Face<C>>,
    is_ordered: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    shared: Rc<Shared>,
}

impl<C: Core> Driver<C> {
    /// The face has a turn soon.
    fn wake(&self) {
        if !self.is_ordered.replace(true)
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }

    /// Waits until the face needs a turn.
    async fn woken(&self) -> std::io::Result<Wake> {
        poll_fn(|cx| {
            let now = (self.shared.now)();
            let wake = self.face.borrow_mut().poll_wake(now, cx)?;
            if self.is_ordered.take() {
                return Poll::Ready(Ok(match wake {
                    Poll::Ready(wake) => wake,
                    Poll::Pending => Wake::default(),
                }));
            }
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            wake.map(Ok)
        })
        .await
    }

    fn take_in(&self, wake: Wake) -> Taken {
        self.face.borrow_mut().take_in(
            (self.shared.now)(),
            wake,
            &mut self.shared.buffers.borrow_mut(),
            &mut self.shared.sink.borrow_mut(),
        )
    }

    fn give_out(&self) -> bool {
        let sink = &mut self.shared.sink.borrow_mut();
        let now = (self.shared.now)();
        self.face.borrow_mut().give_out(now, sink)
    }

    /// Gives the face its turns, as long as the runtime lives.
    async fn run(self: Rc<Self>) {
        loop {
            let wake = match self.woken().await {
                Ok(wake) => wake,
                Err(error) => return end(&error),
            };
            let taken = self.take_in(wake);
            if taken.is_told {
                for _ in 0..ANSWER_TURNS {
                    pass().await;
                }
            }
            if self.give_out() || taken.has_more {
                self.is_ordered.set(true);
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Lets the other tasks that are ready have their turn, and no more.
async fn pass() {
    let mut is_passed = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut is_passed, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A node without its sockets is worse than none.
fn end(error: &std::io::Error) {
    if let Some(system) = actix::System::try_current() {
        tracing::error!(%error, "socket is lost, the node ends");
        system.stop_with_code(1);
    }
}

/// The actor.
pub struct TransportActor<C: Core> {
    drivers: Vec<Rc<Driver<C>>>,
    shared: Rc<Shared>,
    orders_in_a_row: usize,
    /// Orders for parties whom no face reaches.
    no_way: u64,
}

impl<C: Core> TransportActor<C> {
    /// Starts the actor on another thread. `make` is called there. Orders can be sent from now on.
    #[must_use]
    pub fn start_in(
        arbiter: &ArbiterHandle,
        make: impl FnOnce() -> Edge<C> + Send + 'static,
    ) -> Addr<Self> {
        let (sender, receiver) = channel(MAILBOX);
        let started = arbiter.spawn_fn(move || match Self::new(make()) {
            Ok(actor) => {
                let _ = Context::with_receiver(receiver).run(actor);
            }
            Err(error) => end(&error),
        });
        if !started {
            tracing::error!("the thread for sockets is gone");
        }
        Addr::new(sender)
    }

    /// An actor for the thread that this is called on. Must be called inside the runtime.
    ///
    /// # Errors
    /// If the operating system refuses a socket or a timer.
    pub fn new(edge: Edge<C>) -> std::io::Result<Self> {
        let shared = Rc::new(Shared {
            now: edge.now,
            sink: RefCell::new(edge.sink),
            buffers: RefCell::default(),
        });
        let open = |new| {
            Ok(Rc::new(Driver {
                face: RefCell::new(Face::open(new)?),
                is_ordered: Cell::new(true),
                waker: RefCell::default(),
                shared: shared.clone(),
            }))
        };
        let drivers = edge.faces.into_iter().map(open);
        Ok(Self {
            drivers: drivers.collect::<std::io::Result<_>>()?,
            shared: shared.clone(),
            orders_in_a_row: 0,
            no_way: 0,
        })
    }

    /// Carries out an order.
    pub fn order(&mut self, order: Order, ctx: &mut Context<Self>) {
        match &order {
            Order::Gate(_) => self.order_where(&order, |_| true),
            Order::Reach(_) => self.order_where(&order, Face::reaches_users),
            Order::Send { to, .. } | Order::SendMessage { to, .. } | Order::Cancel { to, .. } => {
                self.order_for(*to, order);
            }
        }
        self.orders_in_a_row += 1;
        if self.orders_in_a_row >= ORDER_BURST {
            self.orders_in_a_row = 0;
            ctx.wait(tokio::task::yield_now().into_actor(self));
        }
    }

    fn order_where(&self, order: &Order, is_meant: impl Fn(&Face<C>) -> bool) {
        let now = (self.shared.now)();
        for driver in &self.drivers {
            if is_meant(&driver.face.borrow()) {
                driver.face.borrow_mut().order(now, order.clone());
                driver.wake();
            }
        }
    }

    fn order_for(&mut self, to: Party, order: Order) {
        let now = (self.shared.now)();
        let reaches = |driver: &&Rc<Driver<C>>| driver.face.borrow().reaches(to);
        if let Some(driver) = self.drivers.iter().find(reaches) {
            driver.face.borrow_mut().order(now, order);
            return driver.wake();
        }
        self.no_way += 1;
        let (Order::SendMessage { cargo, .. }, Some(driver)) = (order, self.drivers.first()) else {
            return;
        };
        // Whoever sends a message waits for its end.
        driver.face.borrow_mut().tell(Incoming {
            from: to,
            at: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            packets: Vec::new(),
            moved: vec![Moved::Failed {
                cargo,
                reason: SendFailure::Silent,
            }],
        });
        driver.wake();
    }
}

impl<C: Core> Actor for TransportActor<C> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        for driver in &self.drivers {
            actix_rt::spawn(driver.clone().run());
        }
    }
}

/// Asks for the counts.
#[derive(Debug, Message)]
#[rtype(result = "Counts")]
pub struct CountsWanted;

impl<C: Core> Handler<CountsWanted> for TransportActor<C> {
    type Result = MessageResult<CountsWanted>;

    fn handle(&mut self, _: CountsWanted, _: &mut Self::Context) -> Self::Result {
        let mut counts = Counts::default();
        for driver in &self.drivers {
            driver.face.borrow().add_counts(&mut counts);
        }
        if self.no_way > 0 {
            *counts.dropped.entry(NO_WAY.to_owned()).or_default() += self.no_way;
        }
        MessageResult(counts)
    }
}

#[cfg(test)]
mod tests;
