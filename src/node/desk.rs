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
use tokio::sync::mpsc::error::TrySendError;
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

/// Whether a wish of this kind can be given up: one that waits for others, or makes a picture.
const fn can_be_given_up(command: &Command) -> bool {
    matches!(
        command,
        Command::Hide { .. }
            | Command::Reveal(_)
            | Command::Inspect(_)
            | Command::Offer { .. }
            | Command::Gallery(_)
            | Command::Ask { .. }
            | Command::Decide { .. }
            | Command::Share { .. }
    )
}

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
    can_be_given_up: bool,
}

/// What comes of a wish to give up another.
#[derive(Debug, PartialEq, Eq)]
enum GivenUp {
    /// It is answered.
    Told,
    /// The concerns have to look after it: the number of the wish, and of the one to give up.
    Asked(WishId, WishId),
}

impl Line {
    /// Whether the program takes it.
    fn tell(&self, news: News) -> bool {
        let wish = self.outside;
        self.told.try_send(Report { wish, news }).is_ok()
    }

    /// Tells of a step, unless the program is behind with reading: it can do without.
    fn tell_step(&self, news: News) {
        if self.told.capacity() > self.told.max_capacity() / 2 {
            self.tell(news);
        }
    }

    /// Tells the end, which no program can do without: if there is no room, as soon as there is.
    fn tell_end(&self, news: News) {
        let wish = self.outside;
        if let Err(TrySendError::Full(report)) = self.told.try_send(Report { wish, news }) {
            let told = self.told.clone();
            actix_rt::spawn(async move {
                // The program may have gone meanwhile.
                let _ = told.send(report).await;
            });
        }
    }
}

/// What the desk writes down.
#[derive(Debug)]
struct Book {
    /// By the number inside the node.
    open: BTreeMap<WishId, Line>,
    /// Wishes to give up another, and which.
    giving_up: BTreeMap<WishId, WishId>,
    watchers: Vec<Line>,
    notices: Notices,
    last: u64,
}

impl Book {
    const fn new(started_at: WallTime) -> Self {
        Self {
            open: BTreeMap::new(),
            giving_up: BTreeMap::new(),
            watchers: Vec::new(),
            notices: Notices::new(started_at),
            last: 0,
        }
    }

    /// The number of a wish inside the node.
    fn admit(&mut self, line: Line) -> WishId {
        // Programs that went away leave their wishes behind.
        self.open.retain(|_, line| !line.told.is_closed());
        let open = &self.open;
        self.giving_up.retain(|wish, _| open.contains_key(wish));
        self.last += 1;
        let id = WishId(self.last);
        self.open.insert(id, line);
        id
    }

    fn report(&mut self, Report { wish, news }: Report) {
        let Some(line) = self.open.get(&wish) else {
            return;
        };
        if matches!(news, News::Progress(_)) {
            return line.tell_step(news);
        }
        line.tell_end(news);
        self.close(wish);
    }

    /// Forgets a wish. Whoever wanted it given up is told that it is over.
    fn close(&mut self, wish: WishId) {
        self.open.remove(&wish);
        self.giving_up.remove(&wish);
        let waiting: Vec<WishId> = self
            .giving_up
            .extract_if(.., |_, target| *target == wish)
            .map(|(waiting, _)| waiting)
            .collect();
        for waiting in waiting {
            if let Some(line) = self.open.remove(&waiting) {
                line.tell_end(News::Done(Box::new(Outcome::Cancelled)));
            }
        }
    }

    /// A program gives up one of its wishes. That ends the wish, and then this one.
    fn give_up(&mut self, line: Line, target: WishId) -> GivenUp {
        let is_it = |other: &Line| other.caller == line.caller && other.outside == target;
        if let Some(place) = self.watchers.iter().position(is_it) {
            self.watchers.remove(place).tell(News::Failed(given_up()));
        }
        let found = self.open.iter().find(|(_, other)| is_it(other));
        match found.map(|(inside, other)| (*inside, other.can_be_given_up)) {
            Some((inside, true)) => {
                let wish = self.admit(line);
                self.giving_up.insert(wish, inside);
                return GivenUp::Asked(wish, inside);
            }
            Some((_, false)) => line.tell(News::Failed(goes_on())),
            // It is over already.
            None => line.tell(News::Done(Box::new(Outcome::Cancelled))),
        };
        GivenUp::Told
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
        let open = &self.open;
        self.giving_up.retain(|wish, _| open.contains_key(wish));
        self.watchers.retain(|line| line.caller != caller);
    }
}

fn given_up() -> Failure {
    Failure::new(Reason::Cancelled, "given up", "")
}

fn goes_on() -> Failure {
    Failure::new(
        Reason::Usage,
        "that wish cannot be given up",
        "it ends by itself in a moment",
    )
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
            can_be_given_up: can_be_given_up(&wish.command),
        };
        match wish.command {
            Command::Stop => {
                // Who asked may have gone; the node ends all the same.
                line.tell(News::Done(Box::new(Outcome::Stopping)));
                self.stop.notify_one();
            }
            Command::Watch(after) => self.book.watch(line, after),
            Command::Cancel(target) => {
                if let GivenUp::Asked(id, target) = self.book.give_up(line, target) {
                    let command = Command::Cancel(target);
                    self.concerns.take(Ingress::Wish(Wish { id, command }));
                }
            }
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
    use crate::proto::control::Progress;

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
            can_be_given_up: true,
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
    fn who_is_behind_with_reading_misses_steps_and_never_the_end() {
        actix_rt::System::new().block_on(async {
            let mut book = book();
            let (slow, mut eve) = line(EVE, 1, 4);
            let (other, mut dan) = line(EVE, 2, 1);
            let (first, second) = (book.admit(slow), book.admit(other));
            for done_bytes in 0..100 {
                let news = News::Progress(Progress::Downloading {
                    done_bytes,
                    total_bytes: 100,
                });
                for wish in [first, second] {
                    let news = news.clone();
                    book.report(Report { wish, news });
                }
            }
            for wish in [first, second] {
                book.report(end(wish));
            }
            assert!(book.open.is_empty());
            let mut heard = Vec::new();
            while let Some(report) = eve.recv().await {
                heard.push(report);
            }
            assert_eq!(heard.len(), 3, "two steps and the end");
            assert_eq!(heard.pop(), Some(end(WishId(1))));
            assert!(dan.recv().await.is_some());
            assert_eq!(dan.recv().await, Some(end(WishId(2))), "the end waited");
        });
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
    fn a_wish_is_given_up_by_its_own_program_only_and_both_end() {
        let mut book = book();
        let (one, mut eve) = line(EVE, 1, 4);
        let inside = book.admit(one);
        let (strange, mut dan) = line(DAN, 2, 4);
        assert_eq!(book.give_up(strange, WishId(1)), GivenUp::Told);
        let over = News::Done(Box::new(Outcome::Cancelled));
        assert_eq!(dan.try_recv().map(|r| r.news), Ok(over.clone()), "not his");
        let (again, mut cancel) = line(EVE, 2, 4);
        let asked = book.give_up(again, WishId(1));
        let GivenUp::Asked(number, target) = asked else {
            panic!("{asked:?}");
        };
        assert_eq!(target, inside);
        assert_ne!(number, inside);
        assert!(cancel.try_recv().is_err(), "not over yet");
        let news = News::Failed(given_up());
        book.report(Report { wish: inside, news });
        assert_eq!(eve.try_recv().map(|r| r.wish), Ok(WishId(1)));
        let told = cancel.try_recv().expect("the end");
        assert_eq!((told.wish, told.news), (WishId(2), over));
        assert!(book.open.is_empty() && book.giving_up.is_empty());
    }

    #[test]
    fn a_wish_that_it_is_too_late_to_give_up_goes_on() {
        let mut book = book();
        let (one, mut eve) = line(EVE, 1, 4);
        let inside = book.admit(one);
        let (two, mut cancel) = line(EVE, 2, 4);
        let GivenUp::Asked(number, _) = book.give_up(two, WishId(1)) else {
            panic!("it is open");
        };
        let news = News::Failed(goes_on());
        book.report(Report { wish: number, news });
        assert!(matches!(
            cancel.try_recv().map(|r| r.news),
            Ok(News::Failed(_))
        ));
        assert!(eve.try_recv().is_err(), "it goes on");
        book.report(end(inside));
        assert!(eve.try_recv().is_ok());
        assert!(cancel.try_recv().is_err(), "one end");
    }

    #[test]
    fn a_watch_ends_when_it_is_given_up() {
        let mut book = book();
        let (one, mut eve) = line(EVE, 1, 4);
        book.watch(one, None);
        let (two, mut cancel) = line(EVE, 2, 4);
        assert_eq!(book.give_up(two, WishId(1)), GivenUp::Told);
        let ended = eve.try_recv().map(|report| report.news);
        assert!(matches!(ended, Ok(News::Failed(f)) if f.reason == Reason::Cancelled));
        assert!(cancel.try_recv().is_ok());
        book.notice(WallTime(2), Notice::Offers);
        assert!(eve.try_recv().is_err());
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
