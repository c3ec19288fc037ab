mod notices;
mod withdrawals;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::actors::edges::{DiskFault, Folder, PictureFile, Record, Table};
use crate::proto::control::{AskRule, AskState, News, OpenAsk, Outcome, Reason};
use crate::proto::lease::AtZero;
use crate::proto::letter::{GalleryItem, ImageAsk, Verdict};
use crate::proto::limits::{GALLERY_MAX_ITEMS, LETTER_MAX_BYTES, NAME_MAX_BYTES, VIEWS_MAX};

const ME: u8 = 1;
const BOB: u8 = 2;
const CARA: u8 = 3;
const DELETED: Conditions = Conditions {
    at_zero: AtZero::DeleteFile,
    until: None,
    show_ms: None,
};

fn offered(name: &str) -> Outcome {
    Outcome::Offered {
        name: name.to_owned(),
        removed: Vec::new(),
    }
}

fn identity(user: u8) -> PublicIdentity {
    PublicIdentity {
        sign: [user; 32],
        seal: [user; 32],
    }
}

fn contact(user: u8) -> Contact {
    let name = match user {
        ME => "alice",
        BOB => "bob",
        _ => "cara",
    };
    Contact {
        name: name.to_owned(),
        identity: identity(user),
    }
}

fn grant_of(borrower: u8, name: &str) -> GrantId {
    GrantId::of(identity(ME).user_id(), identity(borrower).user_id(), name)
}

fn config() -> Config {
    let me = identity(ME).user_id();
    Config::lan(me, "alice".to_owned(), Calendar::default())
}

/// A machine with a disk, a CPU pool and a register that answer at once; all else is logged.
struct Bench {
    config: Config,
    sharing: Sharing,
    now: Moment,
    rows: BTreeMap<(Table, Vec<u8>), Bytes>,
    files: BTreeMap<PictureFile, Bytes>,
    disk_works: bool,
    log: Vec<Output>,
    letters: u8,
    wishes: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: Config) -> Self {
        Self {
            sharing: Sharing::new(config.clone(), [7; 32], vec![], vec![], vec![]),
            config,
            now: Moment::START,
            rows: BTreeMap::new(),
            files: BTreeMap::new(),
            disk_works: true,
            log: Vec::new(),
            letters: 0,
            wishes: 0,
        }
    }

    fn restart(&mut self) {
        let table = |wanted: Table| -> Vec<Row> {
            let rows = self.rows.iter().filter(|((table, _), _)| *table == wanted);
            rows.map(|((_, key), value)| (key.clone(), value.clone()))
                .collect()
        };
        self.sharing = Sharing::new(
            self.config.clone(),
            [8; 32],
            table(Table::Offers),
            table(Table::Asks),
            table(Table::Rules),
        );
        self.log.clear();
        self.tick();
    }

    fn give(&mut self, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        let mut out = Outbox::new();
        while let Some(input) = inputs.pop_front() {
            self.sharing.handle(self.now, input, &mut out);
            for order in out.take() {
                inputs.extend(self.answer(order));
            }
        }
    }

    /// Calls the machine once if it has something to do by now.
    fn tick(&mut self) {
        if self.sharing.deadline().is_some_and(|at| at <= self.now) {
            let mut out = Outbox::new();
            self.sharing.on_deadline(self.now, &mut out);
            for order in out.take() {
                if let Some(input) = self.answer(order) {
                    self.give(input);
                }
            }
        }
    }

    fn pass(&mut self, millis: u64) {
        let end = self.now.after(core::time::Duration::from_millis(millis));
        while let Some(at) = self.sharing.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tick();
            let next = self.sharing.deadline();
            assert!(next.is_none_or(|next| next > self.now), "deadline moves on");
        }
        self.now = end;
    }

    fn answer(&mut self, order: Output) -> Option<Input> {
        match order {
            Output::Disk { ticket, order } => {
                let answer = self.disk(order);
                Some(Input::Disk { ticket, answer })
            }
            Output::Work {
                ticket,
                work: Work::Clean(original),
            } => {
                let clean = original.strip_prefix(b"dirty ");
                let removed = clean
                    .map(|_| "place (GPS)".to_owned())
                    .into_iter()
                    .collect();
                let original = clean.map_or(original.clone(), Bytes::copy_from_slice);
                let done = WorkDone::Cleaned { original, removed };
                Some(Input::Worked { ticket, done })
            }
            Output::Work {
                ticket,
                work: Work::Preview(original),
            } => Some(Input::Worked {
                ticket,
                done: WorkDone::Previewed(original.slice(..original.len().min(4))),
            }),
            Output::Find { ticket, name } => {
                let known = [ME, BOB, CARA].map(contact);
                let who = known.into_iter().find(|contact| contact.name == name);
                let nobody = || Failure::new(Reason::NotFound, "nobody has this name", "");
                Some(Input::Found {
                    ticket,
                    who: who.ok_or_else(nobody),
                })
            }
            other => {
                self.log.push(other);
                None
            }
        }
    }

    fn disk(&mut self, order: DiskOrder) -> DiskAnswer {
        if !self.disk_works {
            return DiskAnswer::Failed(DiskFault::Io("no room".to_owned()));
        }
        match order {
            DiskOrder::Write(records) => self.write(records),
            DiskOrder::Keep(file, bytes) => {
                assert!(file.is_safe());
                self.files.insert(file, bytes);
            }
            DiskOrder::Read(file) => {
                return match self.files.get(&file) {
                    Some(bytes) => DiskAnswer::Read(bytes.clone()),
                    None => DiskAnswer::Failed(DiskFault::Missing),
                };
            }
            DiskOrder::Delete(file) => {
                self.files.remove(&file);
            }
        }
        DiskAnswer::Written
    }

    fn write(&mut self, records: Vec<Record>) {
        for record in records {
            let key = (record.table, record.key);
            match record.value {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
    }

    fn wish(&mut self) -> WishId {
        self.wishes += 1;
        WishId(self.wishes)
    }

    /// The reports on this wish since the log was last emptied.
    fn news(&self, wish: WishId) -> Vec<News> {
        let mine = |order: &Output| match order {
            Output::Report(report) if report.wish == wish => Some(report.news.clone()),
            _ => None,
        };
        self.log.iter().filter_map(mine).collect()
    }

    fn outcome(&self, wish: WishId) -> Outcome {
        match self.news(wish).pop() {
            Some(News::Done(outcome)) => *outcome,
            other => panic!("not done: {other:?}"),
        }
    }

    fn reason(&self, wish: WishId) -> Reason {
        match self.news(wish).pop() {
            Some(News::Failed(failure)) => failure.reason,
            other => panic!("not failed: {other:?}"),
        }
    }

    fn offer(&mut self, name: &str) -> WishId {
        let wish = self.wish();
        self.give(Input::OfferWanted {
            wish,
            name: name.to_owned(),
            original: Bytes::from(format!("original of {name}")),
            keep_metadata: false,
        });
        wish
    }

    fn rule(&mut self, peer: &str, rule: Option<Rule>) -> WishId {
        let wish = self.wish();
        let peer = peer.to_owned();
        self.give(Input::RuleWanted { wish, peer, rule });
        wish
    }

    fn asks_rule(&mut self, peer: &str, asks: AskRule) -> WishId {
        let previews = true;
        self.rule(peer, Some(Rule { previews, asks }))
    }

    fn note(&mut self, from: u8, note: Note) -> LetterId {
        self.letters += 1;
        let letter = LetterId([self.letters; 16]);
        self.give(Input::NoteArrived {
            letter,
            from: identity(from),
            posted_at: WallTime(5),
            note,
        });
        letter
    }

    fn asked(&mut self, from: u8, id: u8, image: ImageRef, views: u32) -> LetterId {
        self.note(
            from,
            Note::ImageAsk(ImageAsk {
                ask: AskId([id; 16]),
                from_name: contact(from).name,
                image,
                views,
                remark: "please".to_owned(),
            }),
        )
    }

    fn asked_for_beach(&mut self, from: u8, id: u8, views: u32) -> LetterId {
        self.asked(from, id, ImageRef::Name("beach".to_owned()), views)
    }

    fn ask(&mut self, wait_ms: u32) -> WishId {
        let wish = self.wish();
        self.give(Input::AskWanted {
            wish,
            peer: "@bob".to_owned(),
            image: ImageRef::Index(3),
            views: 2,
            remark: "please".to_owned(),
            wait_ms,
        });
        wish
    }

    fn decide(&mut self, ask: &str, views: Option<u32>) -> WishId {
        let wish = self.wish();
        self.give(Input::DecideWanted {
            wish,
            ask: ask.to_owned(),
            views,
            reason: "no".to_owned(),
        });
        wish
    }

    fn share(&mut self, to: &str, name: &str, original: Option<Bytes>, views: u32) -> WishId {
        let wish = self.wish();
        self.give(Input::ShareWanted {
            wish,
            name: name.to_owned(),
            original,
            to: to.to_owned(),
            views,
            conditions: DELETED,
            carrier: Carrier::default(),
            keep_metadata: false,
        });
        wish
    }

    fn requests(&mut self) -> Vec<OpenAsk> {
        let wish = self.wish();
        self.give(Input::RequestsWanted(wish));
        match self.outcome(wish) {
            Outcome::Requests(asks) => asks,
            other => panic!("{other:?}"),
        }
    }

    fn state(&mut self, id: u8) -> AskState {
        let asks = self.requests();
        let ask = asks.into_iter().find(|ask| ask.ask == AskId([id; 16]));
        ask.expect("is known").state
    }

    fn posts(&self) -> Vec<(Ticket, PublicIdentity, Note)> {
        let post = |order: &Output| match order {
            Output::Post { ticket, to, note } => Some((*ticket, *to, note.clone())),
            _ => None,
        };
        self.log.iter().filter_map(post).collect()
    }

    fn is_kept(&self, letter: LetterId) -> bool {
        self.log.contains(&Output::Kept(letter))
    }

    fn looks_ordered(&self) -> Vec<(Ticket, u32)> {
        let looks = |order: &Output| match order {
            Output::MoreLooks { ticket, views, .. } => Some((*ticket, *views)),
            _ => None,
        };
        self.log.iter().filter_map(looks).collect()
    }

    fn no_such_grant(&mut self) {
        let (ticket, _) = self.looks_ordered().pop().expect("looks are ordered");
        self.give(Input::MoreLooksAnswered {
            ticket,
            added: None,
        });
    }

    fn looks_added(&mut self) {
        let (ticket, _) = self.looks_ordered().pop().expect("looks are ordered");
        self.give(Input::MoreLooksAnswered {
            ticket,
            added: Some(Posted::Direct),
        });
    }

    fn making(&self) -> Option<(Ticket, Rights, Bytes)> {
        self.log.iter().rev().find_map(|order| match order {
            Output::Make {
                ticket,
                rights,
                original,
                ..
            } => Some((*ticket, rights.clone(), original.clone())),
            _ => None,
        })
    }

    fn make(&mut self) {
        let (ticket, ..) = self.making().expect("a picture is ordered");
        self.give(Input::Made {
            ticket,
            key: [9; 32],
            picture: Bytes::from_static(b"picture"),
            cover: Some(1),
            timings: Timings {
                owners: 1,
                ..Timings::default()
            },
        });
    }

    fn opening(&self) -> Option<(Ticket, Contact, crate::proto::letter::Grant)> {
        self.log.iter().rev().find_map(|order| match order {
            Output::OpenGrant {
                ticket, to, grant, ..
            } => Some((*ticket, to.clone(), grant.clone())),
            _ => None,
        })
    }

    fn opened(&mut self, opened: Result<bool, Failure>) {
        let (ticket, ..) = self.opening().expect("a grant is ordered");
        self.give(Input::GrantOpened { ticket, opened });
    }
}

mod offers {
    use super::*;

    fn gallery(bench: &mut Bench) -> Vec<GalleryItem> {
        let wish = bench.wish();
        bench.give(Input::GalleryWanted { wish, peer: None });
        match bench.outcome(wish) {
            Outcome::Gallery { items, .. } => items,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_offer_is_in_the_gallery_by_name_and_survives_a_restart() {
        let mut bench = Bench::new();
        let wish = bench.offer("sea");
        assert_eq!(bench.outcome(wish), offered("sea"));
        bench.offer("beach");
        for _ in 0..2 {
            let items = gallery(&mut bench);
            let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
            assert_eq!(names, ["beach", "sea"]);
            assert_eq!(items[1].size_bytes, "original of sea".len() as u32);
            assert_eq!(items[1].preview, Bytes::from_static(b"orig"));
            bench.restart();
        }
        let file = bench.files.keys().next().expect("a file is kept");
        assert_eq!(file.folder, Folder::Originals);
        assert!(!file.name.contains("beach"));
    }

    #[test]
    fn the_same_name_again_replaces_the_offer() {
        let mut bench = Bench::new();
        bench.offer("sea");
        let wish = bench.wish();
        bench.give(Input::OfferWanted {
            wish,
            name: "sea".to_owned(),
            original: Bytes::from_static(b"new"),
            keep_metadata: false,
        });
        let items = gallery(&mut bench);
        assert_eq!((items.len(), items[0].size_bytes), (1, 3));
        assert_eq!(bench.files.len(), 1);
    }

    #[test]
    fn a_name_that_is_a_path_or_too_long_is_refused() {
        let mut bench = Bench::new();
        let long = "x".repeat(NAME_MAX_BYTES + 1);
        for name in ["", "..", "a/b", "a\\b", " a", "a\n", &long] {
            let wish = bench.offer(name);
            assert_eq!(bench.reason(wish), Reason::Usage, "{name:?}");
        }
        let wish = bench.offer(&long[1..]);
        assert_eq!(bench.outcome(wish), offered(&long[1..]));
    }

    #[test]
    fn offers_end_at_their_limit_but_can_be_replaced() {
        let mut bench = Bench::with(Config {
            offers_max: 2,
            ..config()
        });
        bench.offer("a");
        let wish = bench.offer("b");
        assert_eq!(bench.outcome(wish), offered("b"));
        let wish = bench.offer("c");
        assert_eq!(bench.reason(wish), Reason::Busy);
        let wish = bench.offer("a");
        assert_eq!(bench.outcome(wish), offered("a"));
    }

    #[test]
    fn a_disk_or_a_pool_that_fails_fails_the_offer() {
        let mut bench = Bench::new();
        bench.disk_works = false;
        let wish = bench.offer("sea");
        assert_eq!(bench.reason(wish), Reason::Disk);
        assert_eq!(gallery(&mut bench), []);
        let (wish, mut out) = (bench.wish(), Outbox::new());
        let input = Input::OfferWanted {
            wish,
            name: "sea".to_owned(),
            original: Bytes::from_static(b"x"),
            keep_metadata: false,
        };
        bench.sharing.handle(bench.now, input, &mut out);
        bench.pass(bench.config.step_ms);
        assert_eq!(bench.reason(wish), Reason::Unreachable);
    }

    #[test]
    fn wishes_end_at_their_limit() {
        let mut bench = Bench::with(Config {
            jobs_max: 1,
            ..config()
        });
        let share = bench.share("bob", "sea", Some(Bytes::from_static(b"x")), 1);
        assert_eq!(bench.news(share), []);
        let wish = bench.offer("sea");
        assert_eq!(bench.reason(wish), Reason::Busy);
    }

    fn peer_gallery(bench: &mut Bench) -> (WishId, Ticket, u64) {
        let wish = bench.wish();
        let peer = Some("@bob".to_owned());
        bench.give(Input::GalleryWanted { wish, peer });
        let (ticket, to, note) = bench.posts().pop().expect("is posted");
        assert_eq!(to, identity(BOB));
        match note {
            Note::GalleryAsk { nonce, from_name } => {
                assert_eq!(from_name, "alice");
                (wish, ticket, nonce)
            }
            other => panic!("{other:?}"),
        }
    }

    fn page(nonce: u64) -> Note {
        Note::Gallery {
            nonce,
            items: vec![GalleryItem {
                name: "cat".to_owned(),
                size_bytes: 9,
                preview: Bytes::new(),
            }],
            refused: false,
        }
    }

    #[test]
    fn a_gallery_counts_only_from_the_peer_that_was_asked_and_with_its_number() {
        let mut bench = Bench::new();
        let (wish, ticket, nonce) = peer_gallery(&mut bench);
        let how = Posted::Direct;
        bench.give(Input::Posted { ticket, how });
        bench.note(CARA, page(nonce));
        bench.note(BOB, page(nonce.wrapping_add(1)));
        assert_eq!(bench.news(wish), []);
        let letter = bench.note(BOB, page(nonce));
        assert!(bench.is_kept(letter));
        assert!(matches!(bench.outcome(wish), Outcome::Gallery { items, .. } if items.len() == 1));
        bench.note(BOB, page(nonce));
        bench.pass(100_000);
        assert_eq!(bench.news(wish).len(), 1);
    }

    #[test]
    fn a_peer_who_is_away_or_silent_is_unreachable() {
        let mut bench = Bench::new();
        for how in [Posted::Queued, Posted::Lost] {
            let (wish, ticket, _) = peer_gallery(&mut bench);
            bench.give(Input::Posted { ticket, how });
            assert_eq!(bench.reason(wish), Reason::Unreachable);
        }
        let (wish, ..) = peer_gallery(&mut bench);
        bench.pass(bench.config.gallery_wait_ms - 1);
        assert_eq!(bench.news(wish), []);
        bench.pass(1);
        assert_eq!(bench.reason(wish), Reason::Unreachable);
    }

    #[test]
    fn a_peer_sees_previews_up_to_the_limits_unless_a_rule_refuses() {
        let mut bench = Bench::new();
        for index in 0..=GALLERY_MAX_ITEMS {
            let wish = bench.wish();
            let (ticket, mut out) = (bench.sharing.tickets, Outbox::new());
            let input = Input::OfferWanted {
                wish,
                name: format!("{index:064}"),
                original: Bytes::from_static(b"x"),
                keep_metadata: true,
            };
            bench.sharing.handle(bench.now, input, &mut out);
            let ticket = { ticket }.draw();
            let done = WorkDone::Previewed(Bytes::from(vec![0; 1_200]));
            bench.give(Input::Worked { ticket, done });
        }
        let from_name = "bob".to_owned();
        let ask = Note::GalleryAsk {
            nonce: 4,
            from_name,
        };
        let letter = bench.note(BOB, ask.clone());
        assert!(bench.is_kept(letter));
        let (_, to, note) = bench.posts().pop().expect("is posted");
        assert_eq!(to, identity(BOB));
        assert!(crate::proto::codec::encode(&note).len() < LETTER_MAX_BYTES - 1_000);
        assert!(
            matches!(note, Note::Gallery { nonce: 4, items, refused: false }
                if items.len() == GALLERY_MAX_ITEMS)
        );
        let asks = AskRule::Wait;
        let previews = false;
        bench.rule("bob", Some(Rule { previews, asks }));
        bench.note(BOB, ask);
        let (.., note) = bench.posts().pop().expect("is posted");
        assert!(
            matches!(note, Note::Gallery { nonce: 4, items, refused: true } if items.is_empty())
        );
    }
}

mod ours {
    use super::*;

    fn posted_ask(bench: &Bench) -> (Ticket, ImageAsk) {
        let (ticket, to, note) = bench.posts().pop().expect("is posted");
        assert_eq!(to, identity(BOB));
        match note {
            Note::ImageAsk(ask) => (ticket, ask),
            other => panic!("{other:?}"),
        }
    }

    fn decision(ask: AskId) -> Note {
        let verdict = verdict();
        Note::Decision { ask, verdict }
    }

    fn verdict() -> Verdict {
        Verdict::Approved {
            grant: GrantId([5; 16]),
            views: 2,
        }
    }

    #[test]
    fn a_question_is_on_disk_before_it_is_posted() {
        let mut bench = Bench::new();
        bench.disk_works = false;
        let wish = bench.ask(0);
        assert_eq!(bench.reason(wish), Reason::Disk);
        assert_eq!(bench.posts(), []);
        bench.disk_works = true;
        let wish = bench.ask(0);
        let (_, ask) = posted_ask(&bench);
        let verdict = None;
        let ask = ask.ask;
        assert_eq!(bench.outcome(wish), Outcome::Asked { ask, verdict });
        assert_eq!(bench.rows.len(), 1);
    }

    #[test]
    fn the_word_of_the_peer_who_was_asked_ends_the_wait() {
        let mut bench = Bench::new();
        let wish = bench.ask(10_000);
        let ask = posted_ask(&bench).1.ask;
        let letter = bench.note(CARA, decision(ask));
        assert!(bench.is_kept(letter));
        assert_eq!(bench.news(wish), []);
        let letter = bench.note(BOB, decision(ask));
        assert!(bench.is_kept(letter));
        let outcome = Outcome::Asked {
            ask,
            verdict: Some(verdict()),
        };
        assert_eq!(bench.outcome(wish), outcome);
        let denial = Note::Decision {
            ask,
            verdict: Verdict::Denied {
                reason: String::new(),
            },
        };
        bench.note(BOB, denial);
        bench.restart();
        assert_eq!(bench.requests()[0].state, AskState::Approved(2));
        bench.pass(100_000);
        assert_eq!(bench.posts(), []);
    }

    #[test]
    fn a_word_that_the_disk_did_not_take_is_not_confirmed() {
        let mut bench = Bench::new();
        let wish = bench.ask(10_000);
        let ask = posted_ask(&bench).1.ask;
        bench.disk_works = false;
        let letter = bench.note(BOB, decision(ask));
        assert!(!bench.is_kept(letter));
        bench.disk_works = true;
        let letter = bench.note(BOB, decision(ask));
        assert!(bench.is_kept(letter));
        assert_eq!(bench.news(wish).len(), 1);
    }

    #[test]
    fn a_wait_that_ends_leaves_the_question_open() {
        let mut bench = Bench::new();
        let wish = bench.ask(10_000);
        let ask = posted_ask(&bench).1.ask;
        bench.pass(10_000);
        let verdict = None;
        assert_eq!(bench.outcome(wish), Outcome::Asked { ask, verdict });
        bench.note(BOB, decision(ask));
        assert_eq!(bench.news(wish).len(), 1);
        let open = bench.requests();
        assert_eq!(open[0].state, AskState::Approved(2));
        assert!(open[0].ours && open[0].image == "#3" && open[0].peer == "bob");
    }

    #[test]
    fn a_question_is_posted_again_until_the_courier_has_it() {
        let mut bench = Bench::new();
        bench.ask(0);
        let (_, first) = posted_ask(&bench);
        bench.restart();
        let (_, again) = posted_ask(&bench);
        assert_eq!(first, again);
        bench.log.clear();
        bench.pass(bench.config.step_ms);
        let (ticket, _) = posted_ask(&bench);
        let how = Posted::Lost;
        bench.give(Input::Posted { ticket, how });
        bench.log.clear();
        bench.pass(bench.config.step_ms * 2);
        let (ticket, _) = posted_ask(&bench);
        let how = Posted::Queued;
        bench.give(Input::Posted { ticket, how });
        bench.pass(10_000_000);
        assert_eq!(bench.posts().len(), 1);
        bench.restart();
        assert_eq!(bench.posts(), []);
    }

    #[test]
    fn a_courier_that_never_answers_is_not_asked_for_ever() {
        let mut bench = Bench::new();
        bench.ask(0);
        bench.pass(100_000_000);
        assert_eq!(bench.posts().len(), 4);
        assert_eq!(bench.sharing.deadline(), None);
    }

    #[test]
    fn a_confirmed_post_does_not_undo_a_word_on_its_way_to_the_disk() {
        let mut bench = Bench::new();
        bench.ask(0);
        let (ticket, ask) = posted_ask(&bench);
        let mut out = Outbox::new();
        let arrived = Input::NoteArrived {
            letter: LetterId([1; 16]),
            from: identity(BOB),
            posted_at: WallTime(0),
            note: decision(ask.ask),
        };
        bench.sharing.handle(bench.now, arrived, &mut out);
        let how = Posted::Direct;
        let posted = Input::Posted { ticket, how };
        bench.sharing.handle(bench.now, posted, &mut out);
        for order in out.take() {
            if let Some(input) = bench.answer(order) {
                bench.give(input);
            }
        }
        bench.restart();
        assert_eq!(bench.requests()[0].state, AskState::Approved(2));
    }

    #[test]
    fn questions_that_make_no_sense_are_refused() {
        let mut bench = Bench::new();
        let mut ask = |peer: &str, views: u32, remark: &str| {
            let wish = bench.wish();
            bench.give(Input::AskWanted {
                wish,
                peer: peer.to_owned(),
                image: ImageRef::Name("beach".to_owned()),
                views,
                remark: remark.to_owned(),
                wait_ms: 0,
            });
            bench.reason(wish)
        };
        assert_eq!(ask("bob", 0, ""), Reason::Usage);
        assert_eq!(ask("bob", VIEWS_MAX + 1, ""), Reason::Usage);
        assert_eq!(ask("bob", 1, &"x".repeat(201)), Reason::Usage);
        assert_eq!(ask("alice", 1, ""), Reason::Usage);
        assert_eq!(ask("nobody", 1, ""), Reason::NotFound);
    }

    #[test]
    fn the_oldest_answered_question_makes_room_and_open_ones_do_not() {
        let mut bench = Bench::with(Config {
            asks_max: 2,
            ..config()
        });
        bench.ask(0);
        let first = posted_ask(&bench).1.ask;
        bench.ask(0);
        let wish = bench.ask(0);
        assert_eq!(bench.reason(wish), Reason::Busy);
        bench.note(BOB, decision(first));
        let wish = bench.ask(0);
        assert!(matches!(bench.outcome(wish), Outcome::Asked { .. }));
        bench.restart();
        let asks = bench.requests();
        assert_eq!(asks.len(), 2);
        assert!(asks.iter().all(|ask| ask.ask != first));
    }
}

mod theirs {
    use super::*;

    fn verdicts(bench: &Bench) -> Vec<(AskId, Verdict)> {
        let decision = |note| match note {
            Note::Decision { ask, verdict } => Some((ask, verdict)),
            _ => None,
        };
        let posts = bench.posts().into_iter();
        posts.filter_map(|(.., note)| decision(note)).collect()
    }

    fn denied(reason: &str) -> Verdict {
        Verdict::Denied {
            reason: reason.to_owned(),
        }
    }

    fn approved(views: u32) -> Verdict {
        Verdict::Approved {
            grant: grant_of(BOB, "beach"),
            views,
        }
    }

    fn with_beach() -> Bench {
        let mut bench = Bench::new();
        bench.offer("sea");
        bench.offer("beach");
        bench
    }

    #[test]
    fn a_question_is_confirmed_when_it_is_on_disk_and_counts_once() {
        let mut bench = with_beach();
        bench.disk_works = false;
        let letter = bench.asked_for_beach(BOB, 0xab, 2);
        assert!(!bench.is_kept(letter));
        assert_eq!(bench.requests(), []);
        bench.disk_works = true;
        for _ in 0..2 {
            let letter = bench.asked_for_beach(BOB, 0xab, 2);
            assert!(bench.is_kept(letter));
        }
        bench.restart();
        let asks = bench.requests();
        assert_eq!(asks.len(), 1);
        assert_eq!(
            (asks[0].ours, asks[0].views, asks[0].at),
            (false, 2, WallTime(5))
        );
        assert_eq!(
            (asks[0].peer.as_str(), asks[0].image.as_str()),
            ("bob", "beach")
        );
        assert_eq!(asks[0].state, AskState::Open);
    }

    #[test]
    fn an_unknown_picture_or_number_is_denied_and_a_place_is_a_name() {
        let mut bench = with_beach();
        bench.asked(BOB, 1, ImageRef::Name("cat".to_owned()), 1);
        bench.asked(BOB, 2, ImageRef::Index(2), 1);
        bench.asked_for_beach(BOB, 3, 0);
        bench.asked_for_beach(BOB, 4, VIEWS_MAX + 1);
        bench.asked(BOB, 5, ImageRef::Index(0), 1);
        let said: Vec<Verdict> = verdicts(&bench).into_iter().map(|said| said.1).collect();
        let unknown = denied("no such picture");
        let number = denied("that is not a number of looks");
        assert_eq!(said, [unknown.clone(), unknown, number.clone(), number]);
        let last = bench.requests().pop().expect("is there");
        assert_eq!((last.image.as_str(), last.state), ("beach", AskState::Open));
    }

    #[test]
    fn the_owner_denies_by_the_first_digits() {
        let mut bench = with_beach();
        bench.asked_for_beach(BOB, 0xab, 2);
        bench.asked_for_beach(BOB, 0xac, 2);
        let wish = bench.decide("a", None);
        assert_eq!(bench.reason(wish), Reason::Usage);
        for unknown in ["b", ""] {
            let wish = bench.decide(unknown, None);
            assert_eq!(bench.reason(wish), Reason::NotFound);
        }
        let wish = bench.decide("AB", None);
        let id = AskId([0xab; 16]);
        assert_eq!(bench.outcome(wish), Outcome::Decided(id));
        assert_eq!(verdicts(&bench), [(id, denied("no"))]);
        let wish = bench.decide("ab", Some(1));
        assert_eq!(bench.reason(wish), Reason::Usage);
        bench.restart();
        assert_eq!(verdicts(&bench), [(id, denied("no"))]);
        assert_eq!(bench.state(0xab), AskState::Denied("no".to_owned()));
    }

    #[test]
    fn an_existing_grant_gets_more_looks() {
        let mut bench = with_beach();
        bench.asked_for_beach(BOB, 0xab, 2);
        let wish = bench.decide("ab", Some(5));
        assert_eq!(bench.looks_ordered().pop().expect("ordered").1, 5);
        let second = bench.decide("ab", None);
        assert_eq!(bench.reason(second), Reason::Busy);
        bench.looks_added();
        let id = AskId([0xab; 16]);
        assert_eq!(bench.outcome(wish), Outcome::Decided(id));
        assert_eq!(verdicts(&bench), [(id, approved(5))]);
        assert_eq!(bench.making(), None);
    }

    #[test]
    fn without_a_grant_a_picture_is_made_and_a_grant_opened() {
        let mut bench = with_beach();
        bench.asked_for_beach(BOB, 0xab, 2);
        let wish = bench.decide("ab", Some(3));
        bench.no_such_grant();
        let (ticket, rights, original) = bench.making().expect("is ordered");
        assert_eq!(original, Bytes::from_static(b"original of beach"));
        assert_eq!(rights.grant, Some(grant_of(BOB, "beach")));
        assert_eq!((rights.views, rights.name.as_str()), (3, "beach"));
        assert_eq!(rights.borrower, identity(BOB).user_id());
        let progress = Progress::Hiding;
        bench.give(Input::Making { ticket, progress });
        bench.make();
        let (_, to, grant) = bench.opening().expect("is ordered");
        assert_eq!(to, contact(BOB));
        assert_eq!((grant.views, grant.key), (3, [9; 32]));
        assert_eq!(grant.picture, crate::proto::ids::Digest::of(b"picture"));
        assert_eq!((grant.picture_bytes, grant.cover), (7, Some(1)));
        bench.opened(Ok(false));
        let id = AskId([0xab; 16]);
        let steps = bench.news(wish);
        assert_eq!(steps[0], News::Progress(Progress::Hiding));
        assert_eq!(
            steps[1],
            News::Progress(Progress::Delivering {
                done_bytes: 0,
                total_bytes: 7,
            })
        );
        assert_eq!(steps[2], News::Done(Box::new(Outcome::Decided(id))));
        assert_eq!(verdicts(&bench), [(id, approved(3))]);
    }

    #[test]
    fn a_step_that_fails_leaves_the_question_open() {
        let mut bench = with_beach();
        bench.asked_for_beach(BOB, 0xab, 2);
        let wish = bench.decide("ab", Some(3));
        bench.pass(bench.config.step_ms);
        assert_eq!(bench.reason(wish), Reason::Unreachable);
        let wish = bench.decide("ab", Some(3));
        bench.files.clear();
        bench.no_such_grant();
        assert_eq!(bench.reason(wish), Reason::NotFound);
        bench.offer("beach");
        let wish = bench.decide("ab", Some(3));
        bench.no_such_grant();
        bench.pass(bench.config.step_ms * LONG_STEPS - 1);
        assert_eq!(bench.news(wish), []);
        bench.pass(1);
        assert_eq!(bench.reason(wish), Reason::Unreachable);
        let wish = bench.decide("ab", Some(3));
        bench.no_such_grant();
        bench.make();
        let gone = Failure::new(Reason::Usage, "there is one", "");
        bench.opened(Err(gone));
        assert_eq!(bench.reason(wish), Reason::Usage);
        assert_eq!(verdicts(&bench), []);
        bench.restart();
        assert_eq!(bench.state(0xab), AskState::Open);
        assert_eq!(bench.looks_ordered(), []);
    }

    #[test]
    fn looks_that_were_given_are_told_although_the_disk_failed() {
        let mut bench = with_beach();
        bench.asked_for_beach(BOB, 0xab, 2);
        let wish = bench.decide("ab", Some(3));
        bench.disk_works = false;
        bench.looks_added();
        assert_eq!(bench.reason(wish), Reason::Disk);
        assert_eq!(verdicts(&bench).len(), 1);
        let wish = bench.decide("ab", Some(3));
        assert_eq!(bench.reason(wish), Reason::Usage);
    }

    #[test]
    fn one_peer_cannot_fill_the_list_and_strangers_texts_are_tamed() {
        let mut bench = Bench::with(Config {
            asks_max: 8,
            ..config()
        });
        bench.offer("beach");
        for id in 1..=2 {
            bench.asked_for_beach(BOB, id, 1);
        }
        let letter = bench.asked_for_beach(BOB, 3, 1);
        assert!(bench.is_kept(letter));
        let turned_away = (AskId([3; 16]), denied("too many questions are open"));
        assert_eq!(verdicts(&bench), [turned_away]);
        bench.note(
            CARA,
            Note::ImageAsk(ImageAsk {
                ask: AskId([4; 16]),
                from_name: format!("\u{1b}[31m{}", "é".repeat(100)),
                image: ImageRef::Name("x".repeat(60_000)),
                views: 1,
                remark: "\n".repeat(500),
            }),
        );
        let last = bench.requests().pop().expect("is there");
        assert!(last.peer.starts_with("[31m") && last.peer.len() <= NAME_MAX_BYTES);
        assert!(last.image.len() <= NAME_MAX_BYTES && last.remark.is_empty());
    }

    #[test]
    fn a_rule_refuses() {
        let mut bench = with_beach();
        bench.asks_rule("bob", AskRule::Refuse);
        bench.asked_for_beach(BOB, 1, 1);
        bench.asked_for_beach(CARA, 2, 1);
        let refused = (AskId([1; 16]), denied("the owner takes no questions"));
        assert_eq!(verdicts(&bench), [refused]);
        assert_eq!(bench.state(2), AskState::Open);
    }

    #[test]
    fn a_rule_grants_up_to_its_limit_and_the_rest_waits() {
        let mut bench = with_beach();
        bench.asks_rule("*", AskRule::Grant(3));
        bench.asked_for_beach(BOB, 1, 2);
        bench.looks_added();
        assert_eq!(verdicts(&bench), [(AskId([1; 16]), approved(2))]);
        bench.restart();
        bench.asked_for_beach(BOB, 2, 2);
        assert_eq!(bench.looks_ordered(), []);
        assert_eq!(bench.state(2), AskState::Open);
        bench.asked_for_beach(BOB, 3, 1);
        assert_eq!(bench.looks_ordered().len(), 1);
        // For another image or user the limit is a new one.
        bench.asked(BOB, 4, ImageRef::Name("sea".to_owned()), 3);
        bench.asked_for_beach(CARA, 5, 3);
        assert_eq!(bench.looks_ordered().len(), 3);
    }

    #[test]
    fn looks_given_by_hand_count_for_the_limit_of_a_rule() {
        let mut bench = with_beach();
        bench.asks_rule("bob", AskRule::Grant(3));
        bench.share("bob", "beach", None, 2);
        bench.make();
        bench.opened(Ok(true));
        bench.asked_for_beach(BOB, 1, 2);
        assert_eq!(bench.looks_ordered(), []);
        bench.asked_for_beach(BOB, 2, 1);
        assert_eq!(bench.looks_ordered().len(), 1);
    }

    #[test]
    fn pairs_that_cannot_be_counted_are_left_to_the_owner() {
        let mut bench = Bench::with(Config {
            totals_max: 1,
            ..config()
        });
        bench.offer("beach");
        bench.asks_rule("*", AskRule::Grant(3));
        bench.asked_for_beach(BOB, 1, 1);
        bench.asked_for_beach(CARA, 2, 1);
        assert_eq!(bench.looks_ordered().len(), 1);
        assert_eq!(bench.state(2), AskState::Open);
    }

    #[test]
    fn a_grant_by_a_rule_is_taken_up_after_a_restart_unless_it_may_be_given() {
        let mut bench = with_beach();
        bench.asks_rule("bob", AskRule::Grant(3));
        bench.asked_for_beach(BOB, 1, 2);
        bench.no_such_grant();
        assert!(bench.making().is_some());
        bench.restart();
        bench.no_such_grant();
        bench.make();
        assert!(bench.opening().is_some());
        bench.restart();
        assert_eq!(bench.looks_ordered(), []);
        // The two looks stay counted: perhaps they were given.
        bench.asked_for_beach(BOB, 2, 2);
        assert_eq!(bench.looks_ordered(), []);
        let wish = bench.decide("01", Some(2));
        bench.looks_added();
        assert_eq!(bench.outcome(wish), Outcome::Decided(AskId([1; 16])));
    }

    #[test]
    fn a_grant_by_a_rule_is_tried_again_while_the_cloud_is_away_then_left_to_the_owner() {
        let mut bench = with_beach();
        bench.asks_rule("bob", AskRule::Grant(3));
        bench.asked_for_beach(BOB, 1, 2);
        for round in 1..=5 {
            assert_eq!(bench.looks_ordered().len(), round);
            bench.no_such_grant();
            let (ticket, ..) = bench.making().expect("is ordered");
            let failure = Failure::new(Reason::Unreachable, "no server", "");
            bench.give(Input::NotMade { ticket, failure });
            bench.pass(bench.config.step_ms << round);
        }
        assert_eq!(bench.looks_ordered().len(), 5);
        assert_eq!(bench.state(1), AskState::Open);
        // What was set aside is free again.
        bench.asked_for_beach(BOB, 2, 3);
        assert_eq!(bench.looks_ordered().len(), 6);
    }

    #[test]
    fn the_owner_may_decide_what_a_rule_could_not_finish() {
        let mut bench = with_beach();
        bench.asks_rule("bob", AskRule::Grant(3));
        bench.asked_for_beach(BOB, 1, 2);
        bench.no_such_grant();
        let (ticket, ..) = bench.making().expect("is ordered");
        let failure = Failure::new(Reason::Busy, "no place", "");
        bench.give(Input::NotMade { ticket, failure });
        let wish = bench.decide("01", None);
        assert_eq!(bench.outcome(wish), Outcome::Decided(AskId([1; 16])));
        bench.pass(10_000_000);
        assert_eq!(bench.looks_ordered().len(), 1);
        bench.asked_for_beach(BOB, 2, 3);
        assert_eq!(bench.looks_ordered().len(), 2);
    }
}

mod shares {
    use super::*;

    #[test]
    fn a_share_makes_a_picture_and_opens_a_grant() {
        let mut bench = Bench::new();
        let wish = bench.share("@bob", "cat", Some(Bytes::from_static(b"cat")), VIEWS_MAX);
        let (_, rights, original) = bench.making().expect("is ordered");
        assert_eq!(original, Bytes::from_static(b"cat"));
        assert_eq!(rights.views, VIEWS_MAX);
        bench.make();
        let (_, _, grant) = bench.opening().expect("is ordered");
        assert_eq!(grant.conditions, DELETED);
        assert_eq!(grant.owner_name, "alice");
        bench.opened(Ok(true));
        let outcome = Outcome::Shared {
            grant: grant_of(BOB, "cat"),
            delivered: true,
            removed: Vec::new(),
            timings: Timings {
                owners: 1,
                ..Timings::default()
            },
        };
        assert_eq!(bench.outcome(wish), outcome);
        assert_eq!(bench.looks_ordered(), []);
    }

    #[test]
    fn an_open_grant_is_told_although_the_disk_did_not_count_it() {
        let mut bench = Bench::new();
        let wish = bench.share("bob", "cat", Some(Bytes::from_static(b"cat")), 1);
        bench.make();
        bench.disk_works = false;
        bench.opened(Ok(false));
        assert!(matches!(bench.outcome(wish), Outcome::Shared { .. }));
    }

    #[test]
    fn shares_that_make_no_sense_are_refused() {
        let mut bench = Bench::new();
        let cat = || Some(Bytes::from_static(b"cat"));
        let wish = bench.share("alice", "cat", cat(), 1);
        assert_eq!(bench.reason(wish), Reason::Usage);
        let wish = bench.share("bob", "cat", None, 1);
        assert_eq!(bench.reason(wish), Reason::NotFound);
        let wish = bench.share("bob", "cat", Some(Bytes::new()), 1);
        assert_eq!(bench.reason(wish), Reason::BadPicture);
        for views in [0, VIEWS_MAX + 1] {
            let wish = bench.share("bob", "cat", cat(), views);
            assert_eq!(bench.reason(wish), Reason::Usage);
        }
        let wish = bench.share("bob", "a/b", cat(), 1);
        assert_eq!(bench.reason(wish), Reason::Usage);
        assert_eq!(bench.making(), None);
    }

    #[test]
    fn the_same_grant_is_not_made_twice_at_once_and_an_existing_one_fails() {
        let mut bench = Bench::new();
        bench.offer("cat");
        let first = bench.share("bob", "cat", None, 1);
        let second = bench.share("bob", "cat", None, 1);
        assert_eq!(bench.reason(second), Reason::Busy);
        bench.make();
        let exists = Failure::new(Reason::Usage, "this image is granted to bob", "use `add`");
        bench.opened(Err(exists));
        assert_eq!(bench.reason(first), Reason::Usage);
    }
}

mod rules {
    use super::*;

    fn names(bench: &mut Bench) -> Vec<String> {
        let wish = bench.wish();
        bench.give(Input::RulesWanted(wish));
        match bench.outcome(wish) {
            Outcome::Rules(rules) => rules.into_iter().map(|(name, _)| name).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rules_are_kept_replaced_and_taken_back() {
        let mut bench = Bench::new();
        bench.asks_rule("@bob", AskRule::Refuse);
        bench.asks_rule("*", AskRule::Wait);
        bench.asks_rule("bob", AskRule::Grant(1));
        bench.restart();
        assert_eq!(names(&mut bench), ["*", "bob"]);
        let bob = identity(BOB).user_id();
        assert_eq!(bench.sharing.rule_for(bob).asks, AskRule::Grant(1));
        let wish = bench.rule("bob", None);
        assert!(matches!(bench.outcome(wish), Outcome::Rules(rules) if rules.len() == 1));
        bench.rule("*", None);
        bench.restart();
        assert_eq!(names(&mut bench), [""; 0]);
    }

    #[test]
    fn rules_end_at_their_limit_and_need_somebody() {
        let mut bench = Bench::with(Config {
            rules_max: 1,
            ..config()
        });
        bench.asks_rule("bob", AskRule::Wait);
        let wish = bench.asks_rule("cara", AskRule::Wait);
        assert_eq!(bench.reason(wish), Reason::Busy);
        let wish = bench.asks_rule("nobody", AskRule::Wait);
        assert_eq!(bench.reason(wish), Reason::NotFound);
        let wish = bench.asks_rule("alice", AskRule::Wait);
        assert_eq!(bench.reason(wish), Reason::Usage);
        let wish = bench.asks_rule("bob", AskRule::Refuse);
        assert!(matches!(bench.outcome(wish), Outcome::Rules(_)));
    }
}

/// One step of a random run.
#[derive(Clone, Debug)]
enum Move {
    Offer(u8),
    Gallery(bool),
    Ask(u16),
    Asked {
        from: u8,
        id: u8,
        views: u32,
    },
    Decide {
        id: u8,
        views: Option<u32>,
    },
    Share(u8),
    Rule(Option<u32>),
    /// Answers the order at this place of those that wait; by chance not well.
    Answer {
        place: usize,
        well: bool,
    },
    Lose(usize),
    Pass(u64),
    Decided(bool),
}

fn any_move() -> impl Strategy<Value = Move> {
    let asked = (BOB..=CARA, 0..12_u8, 0..4_u32);
    let decide = (0..12_u8, prop::option::of(1..3_u32));
    let answer = (0..8_usize, prop::bool::weighted(0.8));
    prop_oneof![
        1 => (0..3_u8).prop_map(Move::Offer),
        1 => any::<bool>().prop_map(Move::Gallery),
        1 => (0..30_000_u16).prop_map(Move::Ask),
        2 => asked.prop_map(|(from, id, views)| Move::Asked { from, id, views }),
        1 => decide.prop_map(|(id, views)| Move::Decide { id, views }),
        1 => (BOB..=CARA).prop_map(Move::Share),
        1 => prop::option::of(0..6_u32).prop_map(Move::Rule),
        8 => answer.prop_map(|(place, well)| Move::Answer { place, well }),
        1 => (0..8_usize).prop_map(Move::Lose),
        1 => (0..40_000_u64).prop_map(Move::Pass),
        1 => any::<bool>().prop_map(Move::Decided),
    ]
}

/// A run in which nothing answers by itself.
struct Run {
    bench: Bench,
    waiting: Vec<Output>,
    finals: BTreeMap<WishId, u32>,
    /// Looks that a rule gave, by grant.
    by_rule: BTreeMap<GrantId, u32>,
    asked: Option<AskId>,
}

impl Run {
    fn new() -> Self {
        let config = Config {
            asks_max: 6,
            jobs_max: 4,
            ..config()
        };
        Self {
            bench: Bench::with(config),
            waiting: Vec::new(),
            finals: BTreeMap::new(),
            by_rule: BTreeMap::new(),
            asked: None,
        }
    }

    fn handle(&mut self, input: Input) {
        let mut out = Outbox::new();
        self.bench.sharing.handle(self.bench.now, input, &mut out);
        self.collect(out);
    }

    fn collect(&mut self, mut out: Outbox<Output>) {
        for order in out.take() {
            match order {
                Output::Report(report) => {
                    if !matches!(report.news, News::Progress(_)) {
                        *self.finals.entry(report.wish).or_default() += 1;
                    }
                }
                Output::Kept(_) => {}
                order => {
                    if let Output::Post {
                        note: Note::ImageAsk(ask),
                        ..
                    } = &order
                    {
                        self.asked = Some(ask.ask);
                    }
                    if let Output::MoreLooks { grant, views, .. } = &order {
                        *self.by_rule.entry(*grant).or_default() += views;
                    }
                    self.waiting.push(order);
                }
            }
        }
    }

    fn pass(&mut self, millis: u64) {
        let end = self
            .bench
            .now
            .after(core::time::Duration::from_millis(millis));
        while let Some(at) = self.bench.sharing.deadline().filter(|at| *at <= end) {
            self.bench.now = self.bench.now.max(at);
            let mut out = Outbox::new();
            self.bench.sharing.on_deadline(self.bench.now, &mut out);
            self.collect(out);
        }
        self.bench.now = end;
    }

    fn answer(&mut self, order: Output, well: bool) {
        let failure = || Failure::new(Reason::Busy, "not now", "");
        let input = match order {
            Output::Post { ticket, .. } => Input::Posted {
                ticket,
                how: if well { Posted::Direct } else { Posted::Queued },
            },
            Output::MoreLooks { ticket, .. } => Input::MoreLooksAnswered {
                ticket,
                added: well.then_some(Posted::Direct),
            },
            Output::Make { ticket, .. } if well => Input::Made {
                ticket,
                key: [1; 32],
                picture: Bytes::from_static(b"picture"),
                cover: None,
                timings: Timings::default(),
            },
            Output::Make { ticket, .. } => Input::NotMade {
                ticket,
                failure: failure(),
            },
            Output::OpenGrant { ticket, .. } => Input::GrantOpened {
                ticket,
                opened: if well { Ok(true) } else { Err(failure()) },
            },
            other => {
                self.bench.disk_works = well;
                match self.bench.answer(other) {
                    Some(input) => input,
                    None => return,
                }
            }
        };
        self.handle(input);
    }

    fn step(&mut self, step: Move) {
        let wish = self.bench.wish();
        let mut is_wish = true;
        let name = |user: u8| contact(user).name;
        let input = match step {
            Move::Offer(name) => Input::OfferWanted {
                wish,
                name: format!("image {name}"),
                original: Bytes::from_static(b"original"),
                keep_metadata: false,
            },
            Move::Gallery(own) => Input::GalleryWanted {
                wish,
                peer: (!own).then(|| "bob".to_owned()),
            },
            Move::Ask(wait_ms) => Input::AskWanted {
                wish,
                peer: "bob".to_owned(),
                image: ImageRef::Index(0),
                views: 1,
                remark: String::new(),
                wait_ms: wait_ms.into(),
            },
            Move::Decide { id, views } => Input::DecideWanted {
                wish,
                ask: AskId([id; 16]).hex(),
                views,
                reason: String::new(),
            },
            Move::Share(user) => Input::ShareWanted {
                wish,
                name: "image 0".to_owned(),
                original: None,
                to: name(user),
                views: 1,
                conditions: Conditions::default(),
                carrier: Carrier::default(),
                keep_metadata: false,
            },
            Move::Rule(limit) => Input::RuleWanted {
                wish,
                peer: "*".to_owned(),
                rule: limit.map(|limit| Rule {
                    previews: true,
                    asks: AskRule::Grant(limit),
                }),
            },
            other => {
                is_wish = false;
                match self.arrival(other) {
                    Some(input) => input,
                    None => return,
                }
            }
        };
        if is_wish {
            self.finals.insert(wish, 0);
        }
        self.handle(input);
    }

    fn arrival(&mut self, step: Move) -> Option<Input> {
        let (from, note) = match step {
            Move::Asked { from, id, views } => {
                let ask = ImageAsk {
                    ask: AskId([id; 16]),
                    from_name: contact(from).name,
                    image: ImageRef::Index(0),
                    views,
                    remark: String::new(),
                };
                (from, Note::ImageAsk(ask))
            }
            Move::Decided(well) => {
                let reason = String::new();
                let verdict = Verdict::Denied { reason };
                let ask = self.asked?;
                (
                    if well { BOB } else { CARA },
                    Note::Decision { ask, verdict },
                )
            }
            Move::Answer { place, well } => {
                if !self.waiting.is_empty() {
                    let order = self.waiting.remove(place % self.waiting.len());
                    self.answer(order, well);
                }
                return None;
            }
            Move::Lose(place) => {
                if !self.waiting.is_empty() {
                    self.waiting.remove(place % self.waiting.len());
                }
                return None;
            }
            Move::Pass(millis) => {
                self.pass(millis);
                return None;
            }
            _ => return None,
        };
        Some(Input::NoteArrived {
            letter: LetterId([0; 16]),
            from: identity(from),
            posted_at: WallTime(0),
            note,
        })
    }
}

proptest! {
    #[test]
    fn every_wish_gets_exactly_one_final_report_whatever_is_lost(
        moves in prop::collection::vec(any_move(), 0..120),
    ) {
        let mut run = Run::new();
        for step in moves {
            run.step(step);
            prop_assert!(run.bench.sharing.jobs.len() <= 10);
            prop_assert!(run.bench.sharing.asks.len() <= 6);
        }
        run.pass(100_000_000);
        prop_assert_eq!(run.bench.sharing.deadline(), None);
        for (wish, finals) in run.finals {
            prop_assert_eq!(finals, 1, "{:?}", wish);
        }
    }

    #[test]
    fn a_rule_never_orders_more_looks_than_it_names(
        questions in prop::collection::vec((BOB..=CARA, 0..40_u8, 1..4_u32), 1..40),
        moves in prop::collection::vec(
            (0..8_usize, prop::option::weighted(0.9, Just(true))), 0..200),
    ) {
        let mut run = Run::new();
        run.bench.offer("image 0");
        run.bench.asks_rule("*", AskRule::Grant(5));
        let mut moves = moves.into_iter();
        for (from, id, views) in questions {
            run.step(Move::Asked { from, id, views });
            for (place, well) in moves.by_ref().take(5) {
                match well {
                    Some(well) => run.step(Move::Answer { place, well }),
                    None => run.step(Move::Lose(place)),
                }
            }
        }
        run.pass(1_000_000);
        for (grant, views) in run.by_rule {
            prop_assert!(views <= 5, "{:?}: {}", grant, views);
        }
    }
}

mod metadata {
    use super::*;

    const DIRTY: Bytes = Bytes::from_static(b"dirty photograph");
    const CLEAN: Bytes = Bytes::from_static(b"photograph");

    fn removed() -> Vec<String> {
        vec!["place (GPS)".to_owned()]
    }

    fn share(bench: &mut Bench, conditions: Conditions, keep_metadata: bool) -> WishId {
        let wish = bench.wish();
        bench.give(Input::ShareWanted {
            wish,
            name: "sea".to_owned(),
            original: Some(DIRTY),
            to: "bob".to_owned(),
            views: 2,
            conditions,
            carrier: Carrier::default(),
            keep_metadata,
        });
        wish
    }

    #[test]
    fn an_offer_is_kept_without_metadata_unless_they_are_wanted() {
        for (keep_metadata, file, told) in [(false, CLEAN, removed()), (true, DIRTY, vec![])] {
            let mut bench = Bench::new();
            let wish = bench.wish();
            bench.give(Input::OfferWanted {
                wish,
                name: "sea".to_owned(),
                original: DIRTY,
                keep_metadata,
            });
            let name = "sea".to_owned();
            let removed = told;
            assert_eq!(bench.outcome(wish), Outcome::Offered { name, removed });
            assert_eq!(bench.files.values().collect::<Vec<_>>(), [&file]);
        }
    }

    #[test]
    fn a_shared_file_is_hidden_without_metadata_unless_they_are_wanted() {
        for (keep_metadata, file, told) in [(false, CLEAN, removed()), (true, DIRTY, vec![])] {
            let mut bench = Bench::new();
            let wish = share(&mut bench, DELETED, keep_metadata);
            let (.., original) = bench.making().expect("is ordered");
            assert_eq!(original, file);
            bench.make();
            bench.opened(Ok(true));
            let Outcome::Shared { removed, .. } = bench.outcome(wish) else {
                panic!("not shared");
            };
            assert_eq!(removed, told);
        }
    }

    #[test]
    fn a_delivery_is_seen_to_move_by_who_waits_for_it() {
        let mut bench = Bench::new();
        let wish = share(&mut bench, DELETED, false);
        bench.make();
        let (ticket, ..) = bench.opening().expect("is ordered");
        let progress = Progress::Delivering {
            done_bytes: 3,
            total_bytes: 7,
        };
        bench.give(Input::Making { ticket, progress });
        assert_eq!(bench.news(wish).last(), Some(&News::Progress(progress)));
        bench.opened(Ok(true));
        let before = bench.news(wish).len();
        bench.give(Input::Making { ticket, progress });
        assert_eq!(bench.news(wish).len(), before);
    }

    #[test]
    fn no_grant_ends_before_it_begins_or_shows_for_no_time() {
        let now = {
            let bench = Bench::new();
            bench.config.calendar.at(bench.now)
        };
        let later = WallTime(now.0 + 1);
        for (until, show_ms, is_fine) in [
            (Some(now), None, false),
            (Some(later), None, true),
            (None, Some(999), false),
            (None, Some(1_000), true),
            (None, Some(3_600_000), true),
            (None, Some(3_600_001), false),
        ] {
            let mut bench = Bench::new();
            let conditions = Conditions {
                until,
                show_ms,
                ..DELETED
            };
            let wish = share(&mut bench, conditions, true);
            assert_eq!(bench.making().is_some(), is_fine, "{until:?} {show_ms:?}");
            if is_fine {
                bench.make();
                let (.., grant) = bench.opening().expect("is ordered");
                assert_eq!(grant.conditions, conditions);
            } else {
                assert_eq!(bench.reason(wish), Reason::Usage);
            }
        }
    }
}
