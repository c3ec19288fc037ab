mod metadata;
mod notices;
mod offers;
mod ours;
mod rules;
mod runs;
mod shares;
mod theirs;
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
    strict: false,
    offline: 0,
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
