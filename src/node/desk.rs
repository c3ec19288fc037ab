//! The desk of a client node: which program wished what, and who watches.
//!
//! Programs number their wishes themselves, each from one; inside the node wishes of all programs
//! have numbers of the desk's. Notices go to whoever watches. Never decides what comes of a wish.
//!
//! Invariants: a wish is answered by one end, under the number and to the program that it came
//! from; nobody is waited for: a program that does not read loses its wish or its watch.

use std::collections::BTreeMap;
use std::rc::Rc;

use actix::{Actor, Context, Handler, Message};
use tokio::sync::{Notify, mpsc};

use super::client::{Ingress, Mailboxes};
use super::clock::Clock;
use super::notices::Notices;
use super::shell::In;
use super::switchboard::Accept;
use crate::proto::control::{Command, Failure, News, Outcome, Reason, Report, Wish};
use crate::proto::ids::WishId;
use crate::proto::notice::Notice;
use crate::time::WallTime;

/// Programs that may watch at a time.
const WATCHERS_MAX: usize = 64;

/// A program's conversation with the node, numbered by the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller(pub u64);

/// A wish with the way back to who wished it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Wished {
    /// Whose wish.
    pub caller: Caller,
    /// The wish.
    pub wish: Wish,
    /// Where its reports go.
    pub told: mpsc::Sender<Report>,
}

/// A program ended its conversation.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct HungUp(pub Caller);

/// The way back for one wish.
#[derive(Debug)]
struct Line {
    caller: Caller,
    /// The program's own number of the wish.
    outside: WishId,
    told: mpsc::Sender<Report>,
}

impl Line {
    /// Whether the program takes it.
    fn tell(&self, news: News) -> bool {
        let wish = self.outside;
        self.told.try_send(Report { wish, news }).is_ok()
    }
}

/// What the desk writes down.
#[derive(Debug)]
struct Book {
    /// By the number inside the node.
    open: BTreeMap<WishId, Line>,
    watchers: Vec<Line>,
    notices: Notices,
    last: u64,
}

impl Book {
    const fn new(started_at: WallTime) -> Self {
        Self {
            open: BTreeMap::new(),
            watchers: Vec::new(),
            notices: Notices::new(started_at),
            last: 0,
        }
    }

    /// The number of a wish inside the node.
    fn admit(&mut self, line: Line) -> WishId {
        // Programs that went away leave their wishes behind.
        self.open.retain(|_, line| !line.told.is_closed());
        self.last += 1;
        let id = WishId(self.last);
        self.open.insert(id, line);
        id
    }

    fn report(&mut self, Report { wish, news }: Report) {
        let last = !matches!(news, News::Progress(_));
        let Some(line) = self.open.get(&wish) else {
            return;
        };
        if !line.tell(news) || last {
            self.open.remove(&wish);
        }
    }

    fn watch(&mut self, line: Line, after: Option<u64>) {
        self.watchers.retain(|line| !line.told.is_closed());
        if self.watchers.len() >= WATCHERS_MAX {
            line.tell(News::Failed(too_many_watch()));
            return;
        }
        for noticed in self.notices.after(after) {
            if !line.tell(News::Noticed(noticed.clone())) {
                return;
            }
        }
        self.watchers.push(line);
    }

    fn notice(&mut self, at: WallTime, notice: Notice) {
        let noticed = self.notices.add(at, notice);
        self.watchers
            .retain(|line| line.tell(News::Noticed(noticed.clone())));
    }

    fn hung_up(&mut self, caller: Caller) {
        self.open.retain(|_, line| line.caller != caller);
        self.watchers.retain(|line| line.caller != caller);
    }
}

fn too_many_watch() -> Failure {
    Failure::new(
        Reason::Busy,
        format!("{WATCHERS_MAX} programs watch already"),
        "end one of them",
    )
}

/// The actor before the concerns of a client node.
pub struct PersonDesk {
    concerns: Rc<Mailboxes>,
    stop: Rc<Notify>,
    clock: Clock,
    book: Book,
}

impl PersonDesk {
    /// A desk before these concerns. `stop` is told when a person ends the node.
    #[must_use]
    pub const fn new(concerns: Rc<Mailboxes>, stop: Rc<Notify>, clock: Clock) -> Self {
        Self {
            concerns,
            stop,
            clock,
            book: Book::new(clock.calendar().started_at),
        }
    }
}

impl Actor for PersonDesk {
    type Context = Context<Self>;
}

impl Handler<Wished> for PersonDesk {
    type Result = ();

    fn handle(&mut self, wished: Wished, _: &mut Self::Context) {
        let Wished { caller, wish, told } = wished;
        let line = Line {
            caller,
            outside: wish.id,
            told,
        };
        match wish.command {
            Command::Stop => {
                // Who asked may have gone; the node ends all the same.
                line.tell(News::Done(Box::new(Outcome::Stopping)));
                self.stop.notify_one();
            }
            Command::Watch(after) => self.book.watch(line, after),
            command => {
                let id = self.book.admit(line);
                self.concerns.take(Ingress::Wish(Wish { id, command }));
            }
        }
    }
}

impl Handler<HungUp> for PersonDesk {
    type Result = ();

    fn handle(&mut self, HungUp(caller): HungUp, _: &mut Self::Context) {
        self.book.hung_up(caller);
    }
}

impl Handler<In<Report>> for PersonDesk {
    type Result = ();

    fn handle(&mut self, In(report): In<Report>, _: &mut Self::Context) {
        self.book.report(report);
    }
}

impl Handler<In<Notice>> for PersonDesk {
    type Result = ();

    fn handle(&mut self, In(notice): In<Notice>, _: &mut Self::Context) {
        let at = self.clock.calendar().at(self.clock.now());
        self.book.notice(at, notice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVE: Caller = Caller(1);
    const DAN: Caller = Caller(2);

    fn book() -> Book {
        Book::new(WallTime(1))
    }

    /// A wish `outside` of `caller`, with room for so many reports.
    fn line(caller: Caller, outside: u64, room: usize) -> (Line, mpsc::Receiver<Report>) {
        let (told, heard) = mpsc::channel(room);
        let outside = WishId(outside);
        let line = Line {
            caller,
            outside,
            told,
        };
        (line, heard)
    }

    fn end(wish: WishId) -> Report {
        let news = News::Done(Box::new(Outcome::Settled(true)));
        Report { wish, news }
    }

    fn numbers(heard: &mut mpsc::Receiver<Report>) -> Vec<u64> {
        std::iter::from_fn(|| heard.try_recv().ok())
            .map(|report| match report.news {
                News::Noticed(noticed) => noticed.number,
                other => panic!("no notice: {other:?}"),
            })
            .collect()
    }

    #[test]
    fn an_end_reaches_the_program_that_wished_under_its_own_number_once() {
        let mut book = book();
        let (one, mut eve) = line(EVE, 1, 4);
        let (other, mut dan) = line(DAN, 1, 4);
        let (first, second) = (book.admit(one), book.admit(other));
        book.report(end(second));
        book.report(end(second));
        assert_eq!(dan.try_recv(), Ok(end(WishId(1))));
        assert!(dan.try_recv().is_err(), "one end only");
        assert!(eve.try_recv().is_err(), "not hers");
        book.report(end(first));
        assert_eq!(eve.try_recv(), Ok(end(WishId(1))));
        assert!(book.open.is_empty());
    }

    #[test]
    fn watchers_hear_what_is_remembered_and_then_what_comes() {
        let mut book = book();
        book.notice(WallTime(2), Notice::Offers);
        let (all, mut everything) = line(EVE, 1, 8);
        let (new, mut from_now) = line(EVE, 2, 8);
        book.watch(all, Some(0));
        book.watch(new, None);
        book.notice(WallTime(3), Notice::Offers);
        assert_eq!(numbers(&mut everything), [1_001, 1_002]);
        assert_eq!(numbers(&mut from_now), [1_002]);
    }

    #[test]
    fn who_does_not_read_or_went_away_watches_no_more() {
        let mut book = book();
        let (slow, mut unread) = line(EVE, 1, 1);
        let (gone, heard) = line(EVE, 2, 8);
        let (other, mut dan) = line(DAN, 1, 8);
        for one in [slow, gone, other] {
            book.watch(one, None);
        }
        drop(heard);
        book.notice(WallTime(2), Notice::Offers);
        assert_eq!(book.watchers.len(), 2);
        book.notice(WallTime(2), Notice::Offers);
        assert_eq!(book.watchers.len(), 1, "no room for a second notice");
        assert_eq!(numbers(&mut unread), [1_001]);
        book.hung_up(DAN);
        book.notice(WallTime(2), Notice::Offers);
        assert_eq!(numbers(&mut dan), [1_001, 1_002]);
    }

    #[test]
    fn so_many_may_watch_and_no_more() {
        let mut book = book();
        let mut ears = Vec::new();
        for number in 0..WATCHERS_MAX as u64 {
            let (one, heard) = line(EVE, number, 2);
            book.watch(one, None);
            ears.push(heard);
        }
        let (late, mut heard) = line(DAN, 1, 2);
        book.watch(late, None);
        let refused = heard.try_recv().expect("an answer").news;
        assert!(matches!(refused, News::Failed(failure) if failure.reason == Reason::Busy));
        // Whoever hangs up makes room.
        ears.pop();
        let (later, mut heard) = line(DAN, 2, 2);
        book.watch(later, None);
        book.notice(WallTime(2), Notice::Offers);
        assert_eq!(numbers(&mut heard).len(), 1);
    }
}
