use super::*;
use crate::actors::edges::{DiskFault, SealJob, Table, WorkFault};
use crate::proto::control::{Inspection, News, Outcome, Reason};
use crate::proto::ids::GrantId;

const WISH: WishId = WishId(7);

fn me() -> UserId {
    UserId([1; 32])
}

fn config() -> Config {
    Config::lan(me())
}

fn order() -> Ticket {
    Ticket {
        desk: Desk::Sharing,
        number: 4,
    }
}

fn original() -> Bytes {
    Bytes::from_static(b"the image")
}

fn rights() -> Rights {
    Rights {
        name: "cat.png".to_owned(),
        owner: me(),
        borrower: UserId([2; 32]),
        grant: Some(GrantId([3; 16])),
        views: 3,
    }
}

fn request() -> RequestId {
    RequestId {
        boot: 1,
        counter: 2,
    }
}

fn picture() -> Bytes {
    Bytes::from_static(b"png")
}

fn hide(wish: u64) -> Input {
    Input::HideWanted {
        wish: WishId(wish),
        name: "cat.png".to_owned(),
        original: original(),
        carrier: Carrier::default(),
    }
}

fn make() -> Input {
    Input::Make {
        ticket: order(),
        rights: rights(),
        original: original(),
        carrier: Carrier {
            cover: Some(Bytes::from_static(b"cover")),
            ..Carrier::default()
        },
    }
}

/// A studio and its clock.
struct Rig {
    studio: Studio,
    now: Moment,
}

impl Rig {
    fn new(config: Config) -> Self {
        Self::with_rows(config, Vec::new())
    }

    fn with_rows(config: Config, rows: Vec<Row>) -> Self {
        Self {
            studio: Studio::new(config, [9; 32], rows),
            now: Moment::START,
        }
    }

    fn give(&mut self, input: Input) -> Vec<Output> {
        let mut out = Outbox::new();
        self.studio.handle(self.now, input, &mut out);
        out.take()
    }

    /// The only output of an input.
    fn one(&mut self, input: Input) -> Output {
        let mut outputs = self.give(input);
        assert_eq!(outputs.len(), 1, "{outputs:?}");
        outputs.remove(0)
    }

    fn pass(&mut self, wait_ms: u64) -> Vec<Output> {
        self.now = self.now.after(core::time::Duration::from_millis(wait_ms));
        let mut out = Outbox::new();
        if self.studio.deadline().is_some_and(|at| at <= self.now) {
            self.studio.on_deadline(self.now, &mut out);
            assert!(self.studio.deadline().is_none_or(|at| at > self.now));
        }
        out.take()
    }

    /// Up to the cloud's work: the ticket of the request, and the job that was sealed.
    fn until_hiding(&mut self, input: Input) -> (Ticket, SealJob) {
        let Output::Work {
            ticket,
            work: Work::Seal(job),
        } = self.one(input)
        else {
            panic!("nothing is sealed");
        };
        let body = Bytes::from_static(b"body");
        let done = WorkDone::Sealed {
            body: body.clone(),
            cover: Some(1),
        };
        let Output::Hide { ticket, body: sent } = self.one(Input::Worked { ticket, done }) else {
            panic!("nothing goes to the cloud");
        };
        assert_eq!(sent, body);
        (ticket, job)
    }

    /// Up to the check of the cloud's picture.
    fn until_check(&mut self, input: Input) -> (Ticket, SealJob) {
        let (ticket, job) = self.until_hiding(input);
        let made = Input::Hidden {
            ticket,
            request: request(),
            picture: picture(),
            timings: Timings::default(),
        };
        let Output::Work { ticket, work } = self.one(made.clone()) else {
            panic!("nothing is checked");
        };
        let open = Work::Open {
            picture: picture(),
            keys: vec![job.key],
        };
        assert_eq!(work, open);
        assert_eq!(self.give(made), [], "a repeated result is ignored");
        (ticket, job)
    }

    fn checked(&mut self, ticket: Ticket, rights: Rights, original: Bytes) -> Vec<Output> {
        let done = WorkDone::Opened {
            key_index: 0,
            rights,
            original,
        };
        self.give(Input::Worked { ticket, done })
    }

    /// Up to the write of the key.
    fn until_keeping(&mut self, input: Input) -> (Ticket, Vec<Record>, SealJob) {
        let (ticket, job) = self.until_check(input);
        let mut outputs = self.checked(ticket, job.rights.clone(), job.original.clone());
        assert_eq!(outputs.len(), 1, "{outputs:?}");
        let Output::Disk {
            ticket,
            order: DiskOrder::Write(records),
        } = outputs.remove(0)
        else {
            panic!("no key is kept");
        };
        (ticket, records, job)
    }

    fn written(&mut self, ticket: Ticket) -> Vec<Output> {
        let answer = DiskAnswer::Written;
        self.give(Input::Disk { ticket, answer })
    }

    /// A whole picture; gives the rows that were written.
    fn finish(&mut self, input: Input) -> (Vec<Record>, [u8; 32]) {
        let (ticket, records, job) = self.until_keeping(input);
        assert_eq!(self.written(ticket).len(), 1);
        (records, job.key)
    }

    fn keys_tried(&mut self) -> Vec<[u8; 32]> {
        let reveal = Input::RevealWanted {
            wish: WishId(999),
            picture: picture(),
        };
        match self.one(reveal) {
            Output::Work {
                ticket,
                work: Work::Open { keys, .. },
            } => {
                let done = WorkDone::Failed(WorkFault::Busy);
                self.give(Input::Worked { ticket, done });
                keys
            }
            other => panic!("nothing is opened: {other:?}"),
        }
    }
}

fn rows(records: &[Record]) -> Vec<Row> {
    let kept = |record: &Record| Some((record.key.clone(), record.value.clone()?));
    records.iter().filter_map(kept).collect()
}

fn news(outputs: &[Output]) -> &News {
    match outputs {
        [Output::Report(report)] => &report.news,
        _ => panic!("no report: {outputs:?}"),
    }
}

fn failure(outputs: &[Output]) -> Reason {
    let failure = match outputs {
        [Output::NotMade { failure, .. }] => failure,
        _ => match news(outputs) {
            News::Failed(failure) => failure,
            other => panic!("no failure: {other:?}"),
        },
    };
    assert!(!failure.hint.is_empty() && !failure.message.ends_with('.'));
    failure.reason
}

#[test]
fn a_picture_for_oneself_is_told_after_its_key_is_durable() {
    let mut rig = Rig::new(config());
    let (ticket, records, job) = rig.until_keeping(hide(7));
    assert_eq!((job.rights.owner, job.rights.borrower), (me(), me()));
    assert_eq!((job.rights.grant, job.rights.views), (None, 0));
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].table, Table::Keyring);
    assert_eq!(records[0].key, blake3::hash(&job.key).as_bytes());
    let outputs = rig.written(ticket);
    let outcome = Outcome::Hidden {
        request: request(),
        picture: picture(),
        timings: Timings::default(),
    };
    assert_eq!(*news(&outputs), News::Done(Box::new(outcome)));
    assert_eq!(rig.written(ticket), []);
    assert_eq!(rig.studio.deadline(), None);
}

#[test]
fn a_picture_for_a_borrower_is_made_with_its_key_and_the_owner_can_open_it() {
    let mut rig = Rig::new(config());
    let (ticket, records, job) = rig.until_keeping(make());
    assert_eq!(job.rights, rights());
    let made = Output::Made {
        ticket: order(),
        key: job.key,
        picture: picture(),
        cover: Some(1),
        timings: Timings::default(),
    };
    assert_eq!(rig.written(ticket), [made]);
    assert_eq!(rig.keys_tried(), [job.key]);
    let mut restarted = Rig::with_rows(config(), rows(&records));
    assert_eq!(restarted.keys_tried(), [job.key]);
}

#[test]
fn keys_and_seeds_are_fresh_for_each_picture() {
    let mut rig = Rig::new(config());
    let (_, first) = rig.until_hiding(hide(1));
    let (_, second) = rig.until_hiding(hide(2));
    assert_ne!(first.key, second.key);
    assert_ne!(first.seed, second.seed);
    assert_ne!(first.key, first.seed);
}

#[test]
fn a_picture_that_does_not_give_back_what_went_in_is_thrown_away() {
    let other_rights = Rights {
        views: 4,
        ..rights()
    };
    let answers = [
        (other_rights, original()),
        (rights(), Bytes::from_static(b"another image")),
    ];
    for (rights, original) in answers {
        let mut rig = Rig::new(config());
        let (ticket, _) = rig.until_check(make());
        let outputs = rig.checked(ticket, rights, original);
        assert_eq!(failure(&outputs), Reason::Integrity);
        assert_eq!(rig.keys_tried(), Vec::<[u8; 32]>::new());
    }
    let faults = [
        WorkFault::NothingForUs,
        WorkFault::Damaged,
        WorkFault::BadPicture("no PNG".to_owned()),
    ];
    for fault in faults {
        let mut rig = Rig::new(config());
        let (ticket, _) = rig.until_check(hide(7));
        let done = WorkDone::Failed(fault);
        let outputs = rig.give(Input::Worked { ticket, done });
        assert_eq!(failure(&outputs), Reason::Integrity);
    }
}

#[test]
fn progress_reaches_who_asked() {
    let mut rig = Rig::new(config());
    let (ticket, _) = rig.until_hiding(make());
    let progress = Progress::Hiding;
    let making = Output::Making {
        ticket: order(),
        progress,
    };
    assert_eq!(rig.one(Input::Progressed { ticket, progress }), making);
    let (ticket, _) = rig.until_hiding(hide(7));
    let report = Output::Report(Report {
        wish: WISH,
        news: News::Progress(progress),
    });
    assert_eq!(rig.one(Input::Progressed { ticket, progress }), report);
}

#[test]
fn the_clouds_failure_is_told_as_it_is() {
    let mut rig = Rig::new(config());
    let (ticket, _) = rig.until_hiding(make());
    let failure = Failure::new(Reason::Unreachable, "no server answers", "wait");
    let not_hidden = Input::NotHidden {
        ticket,
        failure: failure.clone(),
    };
    let not_made = Output::NotMade {
        ticket: order(),
        failure,
    };
    assert_eq!(rig.one(not_hidden.clone()), not_made);
    assert_eq!(rig.give(not_hidden), []);
}

#[test]
fn a_key_that_the_disk_does_not_take_fails_the_picture() {
    let mut rig = Rig::new(config());
    let (ticket, ..) = rig.until_keeping(hide(7));
    let answer = DiskAnswer::Failed(DiskFault::Io("full".to_owned()));
    let outputs = rig.give(Input::Disk { ticket, answer });
    assert_eq!(failure(&outputs), Reason::Disk);
    assert_eq!(rig.keys_tried(), Vec::<[u8; 32]>::new());
}

#[test]
fn each_step_that_is_not_answered_fails_in_time() {
    let step_ms = config().step_ms;
    let mut rig = Rig::new(config());
    rig.give(hide(7));
    assert_eq!(rig.pass(step_ms - 1), []);
    assert_eq!(failure(&rig.pass(1)), Reason::Other);
    let mut rig = Rig::new(config());
    rig.until_check(make());
    assert_eq!(failure(&rig.pass(step_ms)), Reason::Other);
    let mut rig = Rig::new(config());
    rig.until_keeping(hide(7));
    assert_eq!(failure(&rig.pass(step_ms)), Reason::Disk);
    assert_eq!(rig.studio.deadline(), None);
}

#[test]
fn the_cloud_has_longer_and_each_sign_of_progress_gives_it_more() {
    let cloud_ms = CLOUD_STEPS * config().step_ms;
    let mut rig = Rig::new(config());
    let (ticket, _) = rig.until_hiding(hide(7));
    assert_eq!(rig.pass(cloud_ms - 1), []);
    let progress = Progress::Hiding;
    rig.give(Input::Progressed { ticket, progress });
    assert_eq!(rig.pass(cloud_ms - 1), []);
    assert_eq!(failure(&rig.pass(1)), Reason::Unreachable);
    assert_eq!(rig.give(Input::Progressed { ticket, progress }), []);
}

#[test]
fn an_original_at_the_limit_is_sealed_and_one_byte_more_is_refused() {
    let small = Config {
        original_max_bytes: original().len(),
        ..config()
    };
    let mut rig = Rig::new(small.clone());
    rig.until_hiding(hide(7));
    let smaller = Config {
        original_max_bytes: original().len() - 1,
        ..small
    };
    let mut rig = Rig::new(smaller);
    assert_eq!(failure(&rig.give(hide(7))), Reason::TooLarge);
    assert_eq!(failure(&rig.give(make())), Reason::TooLarge);
}

#[test]
fn an_empty_original_is_fine_and_a_name_no_file_has_is_not() {
    let named = |bytes: usize| Input::HideWanted {
        wish: WISH,
        name: "x".repeat(bytes),
        original: Bytes::new(),
        carrier: Carrier::default(),
    };
    let mut rig = Rig::new(config());
    assert_eq!(failure(&rig.give(named(256))), Reason::Usage);
    let (ticket, records, job) = rig.until_keeping(named(255));
    assert_eq!((job.original.len(), records.len()), (0, 1));
    assert!(matches!(news(&rig.written(ticket)), News::Done(_)));
}

#[test]
fn places_are_limited_and_a_repeated_wish_takes_no_second_one() {
    let small = Config {
        making_max: 2,
        ..config()
    };
    let mut rig = Rig::new(small);
    rig.give(hide(1));
    assert_eq!(rig.give(hide(1)), []);
    rig.give(make());
    assert_eq!(rig.give(make()), []);
    assert_eq!(failure(&rig.give(hide(2))), Reason::Busy);
    let inspect = Input::InspectWanted {
        wish: WishId(3),
        picture: picture(),
    };
    assert_eq!(failure(&rig.give(inspect)), Reason::Busy);
}

#[test]
fn a_picture_is_revealed_with_all_keys_the_newest_first() {
    let mut rig = Rig::new(config());
    let (_, first) = rig.finish(hide(1));
    let (_, second) = rig.finish(make());
    assert_eq!(rig.keys_tried(), [second, first]);
    let reveal = Input::RevealWanted {
        wish: WISH,
        picture: picture(),
    };
    let Output::Work { ticket, .. } = rig.one(reveal) else {
        panic!("nothing is opened");
    };
    let outputs = rig.checked(ticket, rights(), original());
    let outcome = Outcome::Revealed {
        name: "cat.png".to_owned(),
        original: original(),
    };
    assert_eq!(*news(&outputs), News::Done(Box::new(outcome)));
}

#[test]
fn a_picture_is_inspected() {
    let mut rig = Rig::new(config());
    let inspect = Input::InspectWanted {
        wish: WISH,
        picture: picture(),
    };
    let Output::Work { ticket, work } = rig.one(inspect) else {
        panic!("nothing is inspected");
    };
    let keys = Vec::new();
    let picture = picture();
    assert_eq!(work, Work::Inspect { picture, keys });
    let inspection = Inspection {
        width: 1,
        height: 2,
        rooms: Vec::new(),
        inside: None,
    };
    let done = WorkDone::Inspected(inspection.clone());
    let outputs = rig.give(Input::Worked { ticket, done });
    let outcome = Outcome::Inspected(inspection);
    assert_eq!(*news(&outputs), News::Done(Box::new(outcome)));
}

#[test]
fn every_fault_of_the_work_has_its_own_word_and_a_way_out() {
    let faults = [
        WorkFault::TooLarge { limit_bytes: 5 },
        WorkFault::BadPicture("no picture".to_owned()),
        WorkFault::NothingForUs,
        WorkFault::Damaged,
        WorkFault::Busy,
        WorkFault::Crashed,
    ];
    for fault in faults {
        let reveal = Input::RevealWanted {
            wish: WISH,
            picture: picture(),
        };
        for input in [hide(7), make(), reveal] {
            let mut rig = Rig::new(config());
            let Output::Work { ticket, .. } = rig.one(input) else {
                panic!("no work");
            };
            let done = WorkDone::Failed(fault.clone());
            let outputs = rig.give(Input::Worked { ticket, done });
            assert_eq!(failure(&outputs), fault.reason());
            assert_eq!(rig.studio.deadline(), None);
        }
    }
}

#[test]
fn an_answer_of_the_wrong_kind_or_to_nobody_does_no_harm() {
    let mut rig = Rig::new(config());
    let (hiding, _) = rig.until_hiding(hide(7));
    let done = WorkDone::Emptied(picture());
    let worked = |ticket| Input::Worked {
        ticket,
        done: done.clone(),
    };
    assert_eq!(rig.give(worked(hiding)), [], "the cloud still works");
    assert_eq!(rig.give(worked(order())), []);
    assert_eq!(rig.written(hiding), []);
    let Output::Work { ticket, .. } = rig.one(hide(8)) else {
        panic!("no work");
    };
    assert_eq!(failure(&rig.give(worked(ticket))), Reason::Other);
}

#[test]
fn a_full_keyring_drops_keys_of_grants_but_never_one_of_ours() {
    let small = Config {
        keys_max: 2,
        ..config()
    };
    let mut rig = Rig::new(small.clone());
    let (mut kept, _) = rig.finish(make());
    let (records, ours) = rig.finish(hide(1));
    kept.extend(records);
    let (records, newer) = rig.finish(hide(2));
    assert_eq!(records.len(), 2);
    assert_eq!(records[1].value, None, "the key of the grant goes");
    assert_eq!(records[1].key, kept[0].key);
    assert_eq!(rig.keys_tried(), [newer, ours]);
    // Full of our own keys: no other picture for ourselves, but pictures for others still.
    assert_eq!(failure(&rig.give(hide(3))), Reason::Other);
    let (ticket, job) = rig.until_check(make());
    let outputs = rig.checked(ticket, job.rights, job.original);
    assert!(matches!(outputs[..], [Output::Made { .. }]), "{outputs:?}");
    assert_eq!(rig.keys_tried(), [newer, ours]);
    // A smaller bound after a restart deletes what a grant has anyway, and junk.
    kept.extend(records);
    let mut rows = rows(&kept);
    rows.push((vec![1], Bytes::from_static(b"junk")));
    let mut rig = Rig::with_rows(small, rows);
    assert_eq!(rig.studio.deadline(), Some(Moment::START));
    let outputs = rig.pass(0);
    let [Output::Disk { order, .. }] = &outputs[..] else {
        panic!("nothing is cleaned up: {outputs:?}");
    };
    let DiskOrder::Write(records) = order else {
        panic!("no rows: {order:?}");
    };
    assert!(records.iter().all(|record| record.value.is_none()));
    assert_eq!(records.len(), 2);
    assert_eq!(rig.keys_tried(), [newer, ours]);
    assert_eq!(rig.studio.deadline(), None);
}

mod given_up {
    use super::*;

    /// What follows from an input.
    fn give(studio: &mut Studio, input: Input) -> Vec<Output> {
        let mut out = Outbox::new();
        studio.handle(Moment::START, input, &mut out);
        out.take()
    }

    /// A studio whose picture is with the cloud, and the number of that order.
    fn hiding(input: Input) -> (Studio, Ticket) {
        let mut studio = Studio::new(config(), [7; 32], vec![]);
        let work = give(&mut studio, input);
        let [Output::Work { ticket, .. }] = work[..] else {
            panic!("{work:?}");
        };
        let done = WorkDone::Sealed {
            body: original(),
            cover: None,
        };
        let orders = give(&mut studio, Input::Worked { ticket, done });
        let [Output::Hide { ticket, .. }] = orders[..] else {
            panic!("{orders:?}");
        };
        (studio, ticket)
    }

    fn late(ticket: Ticket) -> Input {
        Input::Hidden {
            ticket,
            request: request(),
            picture: picture(),
            timings: Timings::default(),
        }
    }

    #[test]
    fn a_wish_of_a_person_ends_and_the_cloud_is_told() {
        let (mut studio, ticket) = hiding(hide(7));
        let stranger = give(&mut studio, Input::CancelWanted(WishId(8)));
        assert_eq!(stranger, [], "another wish goes on");
        let orders = give(&mut studio, Input::CancelWanted(WISH));
        assert_eq!(orders[0], Output::CancelHide(ticket));
        let Output::Report(Report {
            wish: WISH,
            news: News::Failed(failure),
        }) = &orders[1]
        else {
            panic!("{orders:?}");
        };
        assert_eq!(failure.reason, Reason::Cancelled);
        assert_eq!(give(&mut studio, late(ticket)), [], "too late");
        assert_eq!(give(&mut studio, Input::CancelWanted(WISH)), []);
        assert_eq!(studio.deadline(), None);
    }

    #[test]
    fn an_order_of_a_concern_ends_without_a_word() {
        let (mut studio, ticket) = hiding(make());
        let orders = give(&mut studio, Input::CancelMake(order()));
        assert_eq!(orders, [Output::CancelHide(ticket)]);
        assert_eq!(give(&mut studio, late(ticket)), []);
    }

    #[test]
    fn a_file_that_is_being_sealed_can_be_given_up_too() {
        let mut studio = Studio::new(config(), [7; 32], vec![]);
        give(&mut studio, hide(7));
        let orders = give(&mut studio, Input::CancelWanted(WISH));
        assert!(matches!(orders[..], [Output::Report(_)]), "{orders:?}");
        assert_eq!(studio.deadline(), None);
    }
}
