//! Two lease managers with stand-ins for everything around them: disks, CPU pools, couriers,
//! presence, and a network that loses, repeats and reorders.

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::super::*;
use super::servers::{self, Servers};
use crate::actors::edges::Contact;
use crate::actors::edges::DiskAnswer;
use crate::actors::edges::WorkDone;
use crate::actors::edges::{Desk, PictureFile, Rights, Table, WorkFault};
use crate::proto::ids::Digest;
use crate::proto::ids::ViewId;
use crate::proto::lease::Change;
use crate::proto::lease::{AtZero, Conditions, Ended, LogEntry, Terms};
use crate::proto::letter::Grant;
use crate::proto::notice::LeaseNews;
use crate::proto::outcome::Lease;
use crate::time::Calendar;
use crate::time::WallTime;

pub(super) const IMAGE: &str = "beach.jpg";
pub(super) const ALICE: usize = 0;
pub(super) const BOB: usize = 1;

pub(super) fn identity(who: usize) -> PublicIdentity {
    let byte = u8::try_from(who).expect("few users") + 1;
    PublicIdentity {
        sign: [byte; 32],
        seal: [byte + 100; 32],
    }
}

pub(super) fn user(who: usize) -> UserId {
    identity(who).user_id()
}

pub(super) fn config(who: usize) -> Config {
    let calendar = Calendar {
        started_at: WallTime(1_000_000),
    };
    Config {
        leases_max: 8,
        claim_ms: 30_000,
        servers: servers::addresses(),
        ..Config::lan(user(who), calendar)
    }
}

pub(super) fn grant_id() -> GrantId {
    GrantId::of(user(ALICE), user(BOB), IMAGE)
}

/// A picture that opens with the key of its first bytes.
pub(super) fn picture(key: u8) -> Bytes {
    Bytes::from([[key; 32].as_slice(), b"picture"].concat())
}

pub(super) fn grant(key: u8, views: u32, at_zero: AtZero) -> Grant {
    Grant {
        grant: grant_id(),
        name: IMAGE.to_owned(),
        owner_name: "alice".to_owned(),
        views,
        conditions: Conditions {
            at_zero,
            ..Conditions::default()
        },
        key: [key; 32],
        lock: None,
        picture: Digest::of(&picture(key)),
        picture_bytes: u32::try_from(picture(key).len()).expect("small"),
        cover: Some(0),
        granted_at: WallTime(1_000_000 + u64::from(key)),
    }
}

pub(super) const EMPTIED: &[u8] = b"cover";

/// Heads the delta of a picture.
const DELTA: &[u8] = b"delta of ";

/// What the CPU pool says; `renders` whether the picture of a delta is the right one.
fn work(work: Work, renders: bool) -> WorkDone {
    match work {
        Work::Reduce { picture, .. } => {
            WorkDone::Reduced(Some([DELTA, &picture[..]].concat().into()))
        }
        Work::Render(delta) => {
            let whole = delta.strip_prefix(DELTA).expect("a delta");
            let picture = Bytes::copy_from_slice(if renders { whole } else { b"another" });
            let digest = Digest::of(&picture);
            WorkDone::Embedded { picture, digest }
        }
        Work::Open { picture, keys } if picture.starts_with(&keys[0]) => WorkDone::Opened {
            key_index: 0,
            rights: Rights {
                name: IMAGE.to_owned(),
                owner: user(ALICE),
                borrower: user(BOB),
                grant: Some(grant_id()),
                views: 0,
            },
            original: Bytes::from_static(b"original"),
        },
        Work::Empty { .. } => WorkDone::Emptied(Bytes::from_static(EMPTIED)),
        _ => WorkDone::Failed(WorkFault::NothingForUs),
    }
}

/// A node: what survives a crash, and the machine, which does not.
pub(super) struct Node {
    pub(super) machine: LeaseManager,
    pub(super) rows: BTreeMap<(Table, Vec<u8>), Bytes>,
    pub(super) files: BTreeMap<PictureFile, Bytes>,
    started: Moment,
    boots: u8,
    orders: VecDeque<(Ticket, DiskOrder)>,
    /// Answers on their way inside the node.
    inputs: VecDeque<Input>,
}

struct Letter {
    id: LetterId,
    from: usize,
    to: usize,
    note: Note,
    is_open: bool,
}

/// Both nodes and what is between them.
pub(super) struct World {
    pub(super) nodes: [Node; 2],
    pub(super) now: Moment,
    rng: ChaCha20Rng,
    letters: Vec<Letter>,
    pictures: Vec<(usize, usize, GrantId, Form, Bytes)>,
    /// The forms in which pictures were sent.
    pub(super) forms: Vec<Form>,
    /// Under which numbers.
    pub(super) numbers: Vec<u64>,
    /// Whether the picture of a delta is the one that was granted.
    pub(super) renders: bool,
    pub(super) online: bool,
    pub(super) is_courier_full: bool,
    /// Out of a hundred answers inside a node, so many are lost.
    pub(super) loss: u32,
    pub(super) told: Vec<(WishId, News)>,
    pub(super) opened: Vec<Result<bool, Failure>>,
    pub(super) added: Vec<Option<Posted>>,
    wishes: u64,
    /// Views that were opened for a person, and those whose count was confirmed to them.
    pub(super) seen: BTreeSet<ViewId>,
    /// How often a picture left the borrower's program.
    pub(super) handed_out: u32,
    pub(super) counted: BTreeSet<ViewId>,
    pub(super) shows: BTreeMap<WishId, ViewId>,
    /// The end date of grants that are shared from now on.
    pub(super) until: Option<WallTime>,
    /// Whether the servers count the looks of such grants, and those servers.
    pub(super) strict: bool,
    /// Of strict grants: looks that may be with the borrower.
    pub(super) offline: u32,
    pub(super) servers: Servers,
    /// By so much the clock of a node that starts again is behind.
    pub(super) behind_ms: u64,
    /// What was told to whoever watches, with the looks left.
    pub(super) notices: [Vec<(LeaseNews, u32)>; 2],
    pub(super) moves: Vec<(u32, u32)>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let node = |who| Node {
            machine: LeaseManager::new(config(who), [0; 32], Vec::new(), Vec::new()),
            rows: BTreeMap::new(),
            files: BTreeMap::new(),
            started: Moment::START,
            boots: 0,
            orders: VecDeque::new(),
            inputs: VecDeque::new(),
        };
        Self {
            nodes: [node(ALICE), node(BOB)],
            now: Moment::START,
            rng: ChaCha20Rng::seed_from_u64(seed),
            letters: Vec::new(),
            pictures: Vec::new(),
            forms: Vec::new(),
            numbers: Vec::new(),
            renders: true,
            online: true,
            is_courier_full: false,
            loss: 0,
            told: Vec::new(),
            opened: Vec::new(),
            added: Vec::new(),
            wishes: 0,
            seen: BTreeSet::new(),
            handed_out: 0,
            counted: BTreeSet::new(),
            shows: BTreeMap::new(),
            until: None,
            strict: false,
            offline: 0,
            servers: Servers::new(),
            behind_ms: 0,
            notices: [Vec::new(), Vec::new()],
            moves: Vec::new(),
        }
    }

    /// So many milliseconds from now, by the calendar.
    pub(super) fn date_in(&self, wait_ms: u64) -> WallTime {
        WallTime(1_000_000 + self.now.as_micros() / 1_000 + wait_ms)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.rng.next_u32() as usize % bound
    }

    fn is_lost(&mut self) -> bool {
        self.below(100) < self.loss as usize
    }

    pub(super) fn wish(&mut self) -> WishId {
        self.wishes += 1;
        WishId(self.wishes)
    }

    fn local(&self, who: usize) -> Moment {
        let micros = self.now.since(self.nodes[who].started).as_micros();
        Moment::from_micros(u64::try_from(micros).expect("short tests"))
    }

    pub(super) fn give(&mut self, who: usize, input: Input) {
        let now = self.local(who);
        let mut out = Outbox::new();
        self.nodes[who].machine.handle(now, input, &mut out);
        self.take(who, out);
    }

    fn take(&mut self, who: usize, mut out: Outbox<Output>) {
        for output in out.take() {
            self.obey(who, output);
        }
        for who in [ALICE, BOB] {
            for lease in self.leases(who) {
                assert!(lease.terms.used <= lease.terms.granted, "{:?}", lease.terms);
            }
        }
    }

    fn obey(&mut self, who: usize, output: Output) {
        let other = 1 - who;
        match output {
            Output::Post { ticket, to, note } => {
                assert_eq!(to, identity(other));
                self.post(who, ticket, note);
            }
            Output::Locate { ticket, user: of } => {
                assert_eq!(of, user(other));
                let online = self.online;
                let (ticket, user) = (ticket, of);
                self.answer(
                    who,
                    Input::Located {
                        ticket,
                        user,
                        online,
                    },
                );
            }
            Output::SendPicture {
                to,
                grant,
                form,
                number,
                body,
            } => {
                assert_eq!(to, user(other));
                self.pictures.push((who, other, grant, form, body));
                self.forms.push(form);
                self.numbers.push(number);
            }
            Output::Kept(letter) => {
                for kept in self.letters.iter_mut().filter(|kept| kept.id == letter) {
                    kept.is_open = false;
                }
            }
            Output::GrantOpened { opened, .. } => self.opened.push(opened),
            Output::Delivering {
                done_bytes,
                total_bytes,
                ..
            } => self.moves.push((done_bytes, total_bytes)),
            Output::Notice(notice) => self.notice(who, &notice),
            Output::MoreLooksAnswered { added, .. } => self.added.push(added),
            Output::Work {
                ticket,
                work: wanted,
            } => {
                let done = work(wanted, self.renders);
                self.answer(who, Input::Worked { ticket, done });
            }
            Output::Report(report) => self.hear(report),
            Output::Disk { ticket, order } => self.nodes[who].orders.push_back((ticket, order)),
            to_servers => self.obey_servers(who, to_servers),
        }
    }

    /// What goes to the servers.
    fn obey_servers(&mut self, who: usize, output: Output) {
        let at = self.date_in(0);
        match output {
            Output::Deposit {
                ticket, deposits, ..
            } => {
                let servers = self.servers.deposit(who, &deposits);
                self.answer(who, Input::Deposited { ticket, servers });
            }
            Output::Order { ticket, command } => {
                let answer = self.servers.order(who, at, command);
                self.answer(who, Input::Ordered { ticket, answer });
            }
            Output::Look { ticket, look } => {
                let looked = self.servers.look(who, at, &look);
                self.answer(who, Input::Looked { ticket, looked });
            }
            Output::Borrow { ticket, loan } => {
                let lent = self.servers.lend(who, at, &loan);
                self.answer(who, Input::Lent { ticket, lent });
            }
            other => panic!("not for servers: {other:?}"),
        }
    }

    fn post(&mut self, who: usize, ticket: Ticket, note: Note) {
        if self.is_courier_full || self.is_lost() {
            let how = Posted::Lost;
            self.answer(who, Input::Posted { ticket, how });
            return;
        }
        let mut id = LetterId([0; 16]);
        self.rng.fill_bytes(&mut id.0);
        let (from, to, is_open) = (who, 1 - who, true);
        self.letters.push(Letter {
            id,
            from,
            to,
            note,
            is_open,
        });
        let how = if self.online {
            Posted::Direct
        } else {
            Posted::Mailbox
        };
        self.answer(who, Input::Posted { ticket, how });
    }

    fn notice(&mut self, who: usize, notice: &Notice) {
        let Notice::Lease {
            ours, what, left, ..
        } = notice
        else {
            panic!("not ours to tell: {notice:?}");
        };
        assert_eq!(*ours, who == ALICE);
        self.notices[who].push((*what, *left));
    }

    fn hear(&mut self, report: Report) {
        if let News::Done(outcome) = &report.news {
            match **outcome {
                Outcome::Opened { view, .. } => {
                    let until = self.terms(BOB).until;
                    let is_over = until.is_some_and(|date| date <= self.date_in(0));
                    assert!(!is_over || self.behind_ms > 0, "no look after the end");
                    // One that was counted and not shown opens again.
                    self.handed_out += 1;
                    let is_new = self.seen.insert(view);
                    assert!(is_new || self.strict, "a view opens once");
                }
                Outcome::Counted { .. } => {
                    self.counted.insert(self.shows[&report.wish]);
                }
                _ => {}
            }
        }
        self.told.push((report.wish, report.news));
    }

    fn answer(&mut self, who: usize, input: Input) {
        if !self.is_lost() {
            self.nodes[who].inputs.push_back(input);
        }
    }

    /// Carries out the next order of a disk.
    pub(super) fn disk(&mut self, who: usize) -> bool {
        let node = &mut self.nodes[who];
        let Some((ticket, order)) = node.orders.pop_front() else {
            return false;
        };
        let mut answer = DiskAnswer::Written;
        match order {
            DiskOrder::Write(records) => {
                for record in records {
                    let key = (record.table, record.key);
                    match record.value {
                        Some(value) => drop(node.rows.insert(key, value)),
                        None => drop(node.rows.remove(&key)),
                    }
                }
            }
            DiskOrder::Keep(file, bytes) => drop(node.files.insert(file, bytes)),
            DiskOrder::Delete(file) => drop(node.files.remove(&file)),
            DiskOrder::Read(file) => {
                let missing = DiskAnswer::Failed(crate::actors::edges::DiskFault::Missing);
                let found = node.files.get(&file).cloned();
                answer = found.map_or(missing, DiskAnswer::Read);
            }
        }
        assert_eq!(ticket.desk, Desk::LeaseManager);
        self.answer(who, Input::Disk { ticket, answer });
        true
    }

    /// The next order of a disk fails.
    pub(super) fn fail_disk(&mut self, who: usize) {
        let (ticket, _) = self.nodes[who].orders.pop_front().expect("an order");
        let fault = crate::actors::edges::DiskFault::Io("full".to_owned());
        let answer = DiskAnswer::Failed(fault);
        self.give(who, Input::Disk { ticket, answer });
    }

    /// Lets the next answer inside a node arrive.
    pub(super) fn input(&mut self, who: usize) -> bool {
        let Some(input) = self.nodes[who].inputs.pop_front() else {
            return false;
        };
        self.give(who, input);
        true
    }

    /// Lets a letter arrive: any that was ever posted, in any order.
    pub(super) fn letter(&mut self, place: usize) {
        let Some(letter) = self.letters.get(place) else {
            return;
        };
        let (to, from) = (letter.to, letter.from);
        let input = Input::NoteArrived {
            letter: letter.id,
            from: identity(from),
            direct: true,
            posted_at: WallTime(0),
            note: letter.note.clone(),
        };
        self.give(to, input);
    }

    /// Any letter arrives; half of the time one that is not confirmed yet.
    pub(super) fn any_letter(&mut self) {
        let fresh_only = self.below(2) == 0;
        let places: Vec<usize> = (0..self.letters.len())
            .filter(|place| !fresh_only || self.letters[*place].is_open)
            .collect();
        if !places.is_empty() {
            let place = places[self.below(places.len())];
            self.letter(place);
        }
    }

    /// Lets a picture arrive, or not.
    pub(super) fn picture(&mut self, arrives: bool) -> bool {
        if self.pictures.is_empty() {
            return false;
        }
        let (from, to, grant, form, body) = self.pictures.remove(0);
        if arrives {
            let from = user(from);
            self.give(
                to,
                Input::PictureArrived {
                    from,
                    grant,
                    form,
                    body,
                },
            );
        }
        let sent = if arrives {
            Input::PictureSent(grant)
        } else {
            Input::PictureNotSent(grant)
        };
        self.answer(from, sent);
        true
    }

    /// A node ends at once and starts again from what its disk had taken.
    pub(super) fn crash(&mut self, who: usize) {
        let now = self.now;
        let node = &mut self.nodes[who];
        let kept = node.orders.len() * usize::from(node.boots) / 7 % (node.orders.len() + 1);
        for _ in 0..kept {
            self.disk(who);
        }
        let node = &mut self.nodes[who];
        node.orders.clear();
        node.inputs.clear();
        node.boots = node.boots.wrapping_add(1);
        node.started = now;
        let rows = |table: Table| {
            let rows = node.rows.iter().filter(|((of, _), _)| *of == table);
            rows.map(|((_, key), value)| (key.clone(), value.clone()))
                .collect()
        };
        let mut config = config(who);
        config.calendar.started_at.0 += now.as_micros() / 1_000;
        config.calendar.started_at.0 -= self.behind_ms;
        let seed = [node.boots; 32];
        node.machine = LeaseManager::new(config, seed, rows(Table::Leases), rows(Table::Log));
    }

    /// Time passes until the next deadline of a node, at least `at_least_ms`.
    pub(super) fn pass(&mut self, at_least_ms: u64) {
        self.now = self.now.after(Duration::from_millis(at_least_ms));
        for who in [ALICE, BOB] {
            let now = self.local(who);
            if self.nodes[who]
                .machine
                .deadline()
                .is_some_and(|at| at <= now)
            {
                let mut out = Outbox::new();
                self.nodes[who].machine.on_deadline(now, &mut out);
                let next = self.nodes[who].machine.deadline();
                assert!(next.is_none_or(|at| at > now), "the deadline moves");
                self.take(who, out);
            }
        }
    }

    /// Everything that is on its way arrives, at once.
    pub(super) fn settle(&mut self) {
        loop {
            let mut is_moving = self.picture(true);
            for who in [ALICE, BOB] {
                while self.disk(who) || self.input(who) {
                    is_moving = true;
                }
            }
            let open: Vec<usize> = (0..self.letters.len())
                .filter(|place| self.letters[*place].is_open)
                .collect();
            for place in open {
                self.letter(place);
                is_moving |= !self.letters[place].is_open;
            }
            if !is_moving {
                return;
            }
        }
    }

    /// Letters and orders go where they go, without faults.
    pub(super) fn calm(&mut self) {
        self.loss = 0;
        self.online = true;
        for _ in 0..60 {
            self.settle();
            self.pass(2_000);
        }
        self.settle();
    }

    /// All comes to rest, without faults.
    pub(super) fn rest(&mut self) {
        self.calm();
        for who in [ALICE, BOB] {
            let node = &self.nodes[who];
            let mut given = node.machine.given.values();
            let is_complete = given.all(|given| given.run.completion.wait_ms == 0);
            assert!(is_complete, "all servers have their shares");
            let far = node.machine.next_completion();
            assert!(far.is_none_or(|at| at > self.local(who)), "it is not due");
            let (next, date) = (node.machine.deadline(), node.machine.next_date());
            assert_eq!(next, earliest(far, date), "nothing is left to do");
        }
        assert!(self.letters.iter().all(|letter| !letter.is_open));
    }

    pub(super) fn share(&mut self, key: u8, views: u32, at_zero: AtZero) {
        let number = u64::from(key);
        let desk = Desk::Sharing;
        let mut grant = grant(key, views, at_zero);
        grant.conditions.until = self.until;
        grant.conditions.strict = self.strict;
        grant.conditions.offline = self.offline;
        let to = Contact {
            name: "bob".to_owned(),
            identity: identity(BOB),
        };
        self.give(
            ALICE,
            Input::OpenGrant {
                ticket: Ticket { desk, number },
                to,
                grant,
                picture: picture(key),
            },
        );
    }

    pub(super) fn adjust(&mut self, change: Change) -> WishId {
        let wish = self.wish();
        let lease = format!("@bob/{IMAGE}");
        self.give(
            ALICE,
            Input::AdjustWanted {
                wish,
                lease,
                change,
            },
        );
        wish
    }

    pub(super) fn view(&mut self) -> WishId {
        let wish = self.wish();
        let lease = grant_id().short();
        self.give(BOB, Input::ViewWanted { wish, lease });
        wish
    }

    pub(super) fn show(&mut self, view: ViewId) -> WishId {
        let wish = self.wish();
        self.shows.insert(wish, view);
        self.give(BOB, Input::Shown { wish, view });
        wish
    }

    pub(super) fn let_go(&mut self, view: ViewId) -> WishId {
        let wish = self.wish();
        self.give(BOB, Input::LetGo { wish, view });
        wish
    }

    pub(super) fn take_looks(&mut self, looks: u32) -> WishId {
        let (wish, lease) = (self.wish(), grant_id().short());
        let (looks, until) = (Some(looks), None);
        self.give(
            BOB,
            Input::TakeWanted {
                wish,
                lease,
                looks,
                until,
            },
        );
        wish
    }

    pub(super) fn return_looks(&mut self) -> WishId {
        let (wish, lease) = (self.wish(), grant_id().short());
        self.give(BOB, Input::ReturnWanted { wish, lease });
        wish
    }

    pub(super) fn news(&self, wish: WishId) -> Option<&News> {
        let mut told = self.told.iter().filter(|(of, _)| *of == wish);
        let news = told.next().map(|(_, news)| news);
        assert!(told.next().is_none(), "a wish is answered once");
        news
    }

    pub(super) fn failure(&self, wish: WishId) -> Failure {
        match self.news(wish) {
            Some(News::Failed(failure)) => failure.clone(),
            other => panic!("no failure: {other:?}"),
        }
    }

    pub(super) fn outcome(&self, wish: WishId) -> Outcome {
        match self.news(wish) {
            Some(News::Done(outcome)) => (**outcome).clone(),
            other => panic!("no outcome: {other:?}"),
        }
    }

    pub(super) fn view_of(&self, wish: WishId) -> ViewId {
        match self.outcome(wish) {
            Outcome::Opened { view, .. } => view,
            other => panic!("not opened: {other:?}"),
        }
    }

    /// The look of a wish, if it was given.
    pub(super) fn view_if(&self, wish: WishId) -> Option<ViewId> {
        matches!(self.news(wish), Some(News::Done(_))).then(|| self.view_of(wish))
    }

    /// One whole look.
    pub(super) fn look(&mut self) -> Outcome {
        let wish = self.view();
        self.settle();
        let shown = self.show(self.view_of(wish));
        self.settle();
        self.outcome(shown)
    }

    pub(super) fn terms(&self, who: usize) -> Terms {
        let leases = self.leases(who);
        leases
            .first()
            .map(|lease| lease.terms.clone())
            .unwrap_or_default()
    }

    pub(super) fn leases(&self, who: usize) -> Vec<Lease> {
        self.nodes[who].machine.leases(self.local(who))
    }

    pub(super) fn ended(&self, who: usize) -> Option<Ended> {
        self.leases(who).first().and_then(|lease| lease.ended)
    }

    pub(super) fn log(&self, who: usize) -> Vec<LogEntry> {
        let entries = self.nodes[who].machine.log.of(None);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    /// The entries on a disk.
    pub(super) fn stored_log(&self, who: usize) -> usize {
        let rows = &self.nodes[who].rows;
        rows.keys()
            .filter(|(table, _)| *table == Table::Log)
            .count()
    }

    pub(super) fn received_file(&self) -> Option<&Bytes> {
        let file = PictureFile::of_grant(crate::actors::edges::Folder::Received, grant_id());
        self.nodes[BOB].files.get(&file)
    }

    pub(super) fn lose_letters(&mut self) {
        for letter in &mut self.letters {
            letter.is_open = false;
        }
    }
}
