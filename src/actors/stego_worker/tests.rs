mod limits;

use super::*;
use crate::proto::cargo::{CoverChoice, HideJob, Mode};
use crate::proto::codec;
use crate::proto::ids::Digest;
use crate::proto::limits::{MESSAGE_MAX_BYTES, SMALL_BODY_BYTES};

const ME: NodeId = NodeId(1);

fn ms(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn client() -> UserId {
    UserId([9; 32])
}

fn id(counter: u32) -> RequestId {
    RequestId { boot: 7, counter }
}

fn hide(counter: u32, payload_bytes: usize) -> HideJob {
    HideJob {
        mode: Mode::Fast,
        cover: CoverChoice::Ours(0),
        payload: vec![counter as u8; payload_bytes].into(),
        fill_seed: [counter as u8; 32],
    }
}

fn body_of(counter: u32, payload_bytes: usize) -> Bytes {
    codec::encode(&hide(counter, payload_bytes)).into()
}

fn ask_for(counter: u32, body: &Bytes) -> Ask {
    Ask {
        request: id(counter),
        size_bytes: body.len() as u32,
        digest: Digest::of(body),
    }
}

const SMALL: usize = 100;
const LARGE: usize = SMALL_BODY_BYTES + 1;

/// One place, two that wait.
fn config() -> Config {
    Config {
        running_max: 1,
        waiting_max: 2,
        cached_max: 2,
        cached_max_bytes: 1_000,
        cached_ms: 500,
        body_ask_ms: 100,
        body_wait_ms: 1_000,
        result_ms: 10_000,
        retry_after_ms: 77,
        work_ms: 5_000,
        ..Config::lan(ME, 1)
    }
}

struct Bench {
    machine: StegoWorker,
    now: u64,
}

impl Bench {
    fn new(config: Config) -> Self {
        Self {
            machine: StegoWorker::new(config),
            now: 0,
        }
    }

    /// All orders but the counts.
    fn give(&mut self, input: Input) -> Vec<Output> {
        let mut out = Outbox::new();
        self.machine.handle(ms(self.now), input, &mut out);
        without_counts(out.take())
    }

    /// Lets time pass up to `at`, deadline by deadline.
    fn until(&mut self, at: u64) -> Vec<Output> {
        let mut out = Outbox::new();
        while let Some(due) = self.machine.deadline().filter(|&due| due <= ms(at)) {
            self.machine.on_deadline(due, &mut out);
            let next = self.machine.deadline();
            assert!(next.is_none_or(|next| next > due), "deadline stands still");
        }
        self.now = at;
        without_counts(out.take())
    }

    fn won(&mut self, counter: u32, body: &Bytes) -> Vec<Output> {
        self.won_in(counter, body, 0)
    }

    fn won_in(&mut self, counter: u32, body: &Bytes, epoch: u32) -> Vec<Output> {
        self.give(Input::Won {
            ask: ask_for(counter, body),
            client: client(),
            epoch,
        })
    }

    fn arrives(&mut self, counter: u32, body: &Bytes) -> Vec<Output> {
        self.give(Input::BodyArrived {
            request: id(counter),
            body: body.clone(),
        })
    }

    /// Won, and the body is here.
    fn filled(&mut self, counter: u32, payload_bytes: usize) -> Vec<Output> {
        let body = body_of(counter, payload_bytes);
        let mut told = self.won(counter, &body);
        told.extend(self.arrives(counter, &body));
        told
    }

    fn worked(&mut self, ticket: Ticket, done: WorkDone) -> Vec<Output> {
        self.give(Input::Worked { ticket, done })
    }

    fn counts(&self) -> (u32, u32) {
        let (queued, running, _) = self.machine.told;
        (queued, running)
    }
}

fn without_counts(mut told: Vec<Output>) -> Vec<Output> {
    told.retain(|output| !matches!(output, Output::Jobs { .. } | Output::Ended(_)));
    told
}

fn picture() -> Bytes {
    Bytes::from_static(b"a finished picture")
}

fn embedded() -> WorkDone {
    WorkDone::Embedded {
        picture: picture(),
        digest: Digest::of(&picture()),
    }
}

fn failed(fault: WorkFault) -> WorkDone {
    WorkDone::Failed(fault)
}

fn returned(counter: u32, epoch: u32, hiding_us: u32) -> Output {
    Output::Return {
        to: client(),
        cargo: Cargo::Result {
            request: id(counter),
            epoch,
            node: ME,
            hiding_us,
        },
        picture: picture(),
        digest: Digest::of(&picture()),
    }
}

fn refused(counter: u32, reason: RefusalReason) -> Vec<Output> {
    let request = id(counter);
    vec![
        Output::Send {
            to: client(),
            packet: Packet::Refused { request, reason },
        },
        Output::Finished(Done::refused(request)),
    ]
}

fn need_body(counter: u32, epoch: u32) -> Output {
    Output::Send {
        to: client(),
        packet: Packet::NeedBody {
            request: id(counter),
            epoch,
        },
    }
}

/// The ticket of the only order, which must be to run this job.
#[track_caller]
fn runs(told: &[Output], job: &HideJob) -> Ticket {
    match told {
        [Output::Run { ticket, work }] => {
            assert_eq!(work, &Work::Embed(job.clone()));
            *ticket
        }
        _ => panic!("does not run: {told:?}"),
    }
}

const BUSY: RefusalReason = RefusalReason::Busy { retry_after_ms: 77 };

#[test]
fn a_request_runs_when_its_body_is_here_and_is_gone_when_it_is_delivered() {
    let mut bench = Bench::new(config());
    let body = body_of(1, SMALL);
    assert_eq!(bench.won(1, &body), vec![]);
    assert_eq!(bench.counts(), (1, 0));
    bench.now = 10;
    let ticket = runs(&bench.arrives(1, &body), &hide(1, SMALL));
    assert_eq!(ticket.desk, Desk::StegoWorker);
    assert_eq!(bench.counts(), (0, 1));
    bench.now = 35;
    assert_eq!(
        bench.worked(ticket, embedded()),
        vec![returned(1, 0, 25_000)]
    );
    assert_eq!(bench.counts(), (0, 0));
    let delivered = Input::Delivered(id(1));
    assert_eq!(
        bench.give(delivered.clone()),
        vec![Output::Finished(Done::delivered(id(1)))]
    );
    assert_eq!(bench.give(delivered), vec![]);
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn counts_are_told_on_each_change_only() {
    let mut machine = StegoWorker::new(config());
    let mut out = Outbox::new();
    let body = body_of(1, SMALL);
    let won = Input::Won {
        ask: ask_for(1, &body),
        client: client(),
        epoch: 0,
    };
    machine.handle(ms(0), won.clone(), &mut out);
    let one = Output::Jobs {
        queued: 1,
        running: 0,
        open: 1,
    };
    assert_eq!(out.take(), vec![one]);
    machine.handle(ms(0), won, &mut out);
    assert_eq!(out.take(), vec![]);
}

#[test]
fn a_missing_body_is_asked_for_again_and_again_and_then_given_up() {
    let mut bench = Bench::new(config());
    let body = body_of(1, SMALL);
    bench.won_in(1, &body, 3);
    assert_eq!(bench.until(99), vec![]);
    assert_eq!(bench.until(100), vec![need_body(1, 3)]);
    assert_eq!(bench.until(200), vec![need_body(1, 3)]);
    let told = bench.until(1_000);
    assert_eq!(told.last(), Some(&Output::Finished(Done::refused(id(1)))));
    assert_eq!(told.len(), 8, "seven questions and the end");
    assert_eq!(bench.arrives(1, &body), vec![], "too late");
}

#[test]
fn a_body_on_its_way_is_not_asked_for_but_must_come_in_time() {
    let mut bench = Bench::new(config());
    bench.won(1, &body_of(1, LARGE));
    bench.until(50);
    bench.give(Input::BodyStarted(id(1)));
    assert_eq!(bench.until(1_049), vec![]);
    bench.give(Input::BodyStarted(id(1)));
    assert_eq!(
        bench.until(1_050),
        vec![Output::Finished(Done::refused(id(1)))]
    );
}

#[test]
fn a_body_that_is_not_the_announced_one_is_refused() {
    let body = body_of(1, SMALL);
    let mut bent = body.to_vec();
    bent[5] ^= 1;
    for wrong in [bent.into(), body.slice(1..), Bytes::new()] {
        let mut bench = Bench::new(config());
        bench.won(1, &body);
        let told = bench.arrives(1, &wrong);
        assert_eq!(told, refused(1, RefusalReason::BadBody));
        assert_eq!(bench.machine.deadline(), None);
    }
    let mut bench = Bench::new(config());
    let noise = Bytes::from_static(&[255; 40]);
    bench.won(1, &noise);
    let told = bench.arrives(1, &noise);
    assert_eq!(told, refused(1, RefusalReason::BadBody), "no job");
}

#[test]
fn a_request_larger_than_a_message_is_refused_at_once() {
    let mut bench = Bench::new(config());
    let told = bench.give(Input::Won {
        ask: Ask {
            request: id(1),
            size_bytes: MESSAGE_MAX_BYTES as u32 + 1,
            digest: Digest([0; 32]),
        },
        client: client(),
        epoch: 0,
    });
    assert_eq!(told, refused(1, RefusalReason::BadBody));
}

#[test]
fn faults_of_the_pool_are_told_to_the_client() {
    let cases = [
        (
            WorkFault::TooLarge { limit_bytes: 9 },
            RefusalReason::TooLarge { limit_bytes: 9 },
        ),
        (WorkFault::BadPicture("no".into()), RefusalReason::BadCover),
        (WorkFault::Crashed, RefusalReason::Failed),
        (WorkFault::Damaged, RefusalReason::Failed),
        (WorkFault::NothingForUs, RefusalReason::Failed),
    ];
    for (fault, reason) in cases {
        let mut bench = Bench::new(config());
        let ticket = runs(&bench.filled(1, SMALL), &hide(1, SMALL));
        assert_eq!(bench.worked(ticket, failed(fault)), refused(1, reason));
        assert_eq!(bench.counts(), (0, 0));
    }
    let mut bench = Bench::new(config());
    let ticket = runs(&bench.filled(1, SMALL), &hide(1, SMALL));
    let told = bench.worked(ticket, WorkDone::Previewed(picture()));
    assert_eq!(told, refused(1, RefusalReason::Failed));
}

#[test]
fn a_full_pool_is_tried_again_after_a_pause_with_the_same_job_first() {
    let mut bench = Bench::new(config());
    let ticket = runs(&bench.filled(1, SMALL), &hide(1, SMALL));
    bench.filled(2, SMALL);
    assert_eq!(bench.worked(ticket, failed(WorkFault::Busy)), vec![]);
    assert_eq!(bench.counts(), (2, 0));
    assert_eq!(bench.until(99), vec![]);
    let again = runs(&bench.until(100), &hide(1, SMALL));
    assert_ne!(again, ticket);
}

#[test]
fn a_pool_that_never_answers_costs_one_job_and_no_place() {
    let mut bench = Bench::new(config());
    let ticket = runs(&bench.filled(1, SMALL), &hide(1, SMALL));
    bench.filled(2, SMALL);
    assert_eq!(bench.until(4_999), vec![]);
    let mut told = bench.until(5_000);
    let second = told.pop();
    assert_eq!(told, refused(1, RefusalReason::Failed));
    assert!(matches!(second, Some(Output::Run { .. })));
    assert_eq!(bench.worked(ticket, embedded()), vec![], "too late");
}

#[test]
fn a_job_that_never_gets_a_place_is_refused_in_the_end() {
    let mut bench = Bench::new(config());
    let mut ticket = runs(&bench.filled(1, SMALL), &hide(1, SMALL));
    let mut told = bench.worked(ticket, failed(WorkFault::Busy));
    while told.is_empty() {
        told = bench.until(bench.now + 100);
        if let [Output::Run { ticket: next, .. }] = told[..] {
            ticket = next;
            told = bench.worked(ticket, failed(WorkFault::Busy));
        }
        assert!(bench.now <= 11_000, "waits for ever");
    }
    assert_eq!(told, refused(1, BUSY));
}

#[test]
fn small_jobs_overtake_a_large_one_a_few_times_only() {
    let mut bench = Bench::new(Config {
        waiting_max: 20,
        ..config()
    });
    let mut ticket = runs(&bench.filled(1, SMALL), &hide(1, SMALL));
    bench.filled(2, LARGE);
    for counter in 3..12 {
        bench.filled(counter, SMALL);
    }
    let mut order = Vec::new();
    for _ in 0..10 {
        let told = bench.worked(ticket, embedded());
        let Some(Output::Run { ticket: next, work }) = told.last() else {
            panic!("nothing runs: {told:?}");
        };
        let Work::Embed(job) = work else {
            panic!("other work: {work:?}");
        };
        order.push(u32::from(job.fill_seed[0]));
        ticket = *next;
    }
    assert_eq!(order, vec![3, 4, 5, 6, 2, 7, 8, 9, 10, 11]);
}

#[test]
fn a_small_body_that_comes_before_the_claim_runs_at_once() {
    let mut bench = Bench::new(config());
    let body = body_of(1, SMALL);
    assert_eq!(bench.arrives(1, &body), vec![]);
    bench.now = 400;
    runs(&bench.won(1, &body), &hide(1, SMALL));
}

#[test]
fn kept_bodies_are_small_few_and_short_lived() {
    let survives = |others: &[(u32, usize)], at| {
        let mut bench = Bench::new(config());
        let body = body_of(1, SMALL);
        bench.arrives(1, &body);
        for &(counter, payload_bytes) in others {
            bench.now += 1;
            bench.arrives(counter, &body_of(counter, payload_bytes));
        }
        bench.until(at);
        !bench.won(1, &body).is_empty()
    };
    assert!(survives(&[(2, SMALL)], 10));
    assert!(survives(&[(2, SMALL), (2, SMALL)], 10), "one a request");
    assert!(!survives(&[(2, SMALL), (3, SMALL)], 10), "three");
    assert!(!survives(&[(2, 860)], 10), "too many bytes");
    assert!(survives(&[(2, 1_000)], 10), "beyond the limit by itself");
    assert!(survives(&[], 499));
    assert!(!survives(&[], 500));
    let mut bench = Bench::new(Config {
        cached_max_bytes: 1 << 20,
        ..config()
    });
    let body = body_of(1, LARGE);
    bench.arrives(1, &body);
    assert_eq!(bench.won(1, &body), vec![], "large ones are not kept");
}

#[test]
fn a_kept_body_that_is_not_the_announced_one_is_not_used() {
    let mut bench = Bench::new(config());
    bench.arrives(1, &body_of(2, SMALL));
    let body = body_of(1, SMALL);
    assert_eq!(bench.won(1, &body), vec![]);
    runs(&bench.arrives(1, &body), &hide(1, SMALL));
}

#[test]
fn a_lost_request_is_dropped_but_its_small_body_is_kept() {
    // Reserved, queued, returned.
    let body = body_of(1, SMALL);
    let mut bench = Bench::new(config());
    bench.won(1, &body);
    bench.give(Input::Lost(id(1)));
    assert_eq!(bench.counts(), (0, 0));
    assert_eq!(bench.machine.deadline(), None);

    bench.filled(9, SMALL);
    bench.filled(1, SMALL);
    bench.give(Input::Lost(id(1)));
    assert_eq!(bench.counts(), (0, 1));
    assert_eq!(bench.won_in(1, &body, 1), vec![]);
    assert_eq!(bench.until(150), vec![], "has its body");

    let mut bench = Bench::new(config());
    let ticket = runs(&bench.filled(1, SMALL), &hide(1, SMALL));
    bench.worked(ticket, embedded());
    bench.give(Input::Lost(id(1)));
    assert_eq!(bench.give(Input::Delivered(id(1))), vec![]);
    runs(&bench.won_in(1, &body, 2), &hide(1, SMALL));
}

#[test]
fn a_lost_large_request_leaves_nothing() {
    let mut bench = Bench::new(config());
    bench.filled(9, SMALL);
    bench.filled(1, LARGE);
    bench.give(Input::Lost(id(1)));
    bench.give(Input::Forget(id(9)));
    assert_eq!(bench.won(1, &body_of(1, LARGE)), vec![]);
    let wants = bench.until(100);
    assert_eq!(wants, vec![need_body(1, 0)]);
}

#[test]
fn a_request_lost_while_it_runs_keeps_the_place_until_the_pool_answers() {
    let mut bench = Bench::new(config());
    let ticket = runs(&bench.filled(1, SMALL), &hide(1, SMALL));
    bench.filled(2, SMALL);
    bench.give(Input::Lost(id(1)));
    assert_eq!(bench.counts(), (1, 1));
    runs(&bench.worked(ticket, embedded()), &hide(2, SMALL));
}

#[test]
fn a_request_won_back_while_it_runs_is_not_run_twice() {
    let mut bench = Bench::new(config());
    let ticket = runs(&bench.filled(1, SMALL), &hide(1, SMALL));
    bench.give(Input::Lost(id(1)));
    assert_eq!(bench.won_in(1, &body_of(1, SMALL), 2), vec![]);
    assert_eq!(bench.worked(ticket, embedded()), vec![returned(1, 2, 0)]);
}

#[test]
fn another_request_of_the_same_name_does_not_get_the_result_of_the_first() {
    let mut bench = Bench::new(config());
    let ticket = runs(&bench.filled(1, SMALL), &hide(1, SMALL));
    bench.give(Input::Forget(id(1)));
    let other = body_of(2, SMALL);
    bench.won(1, &other);
    bench.arrives(1, &other);
    runs(&bench.worked(ticket, embedded()), &hide(2, SMALL));
}

#[test]
fn a_request_won_again_is_one_request_and_its_result_is_sent_again() {
    let mut bench = Bench::new(config());
    let body = body_of(1, SMALL);
    bench.won(1, &body);
    assert_eq!(bench.won_in(1, &body, 1), vec![]);
    assert_eq!(bench.counts(), (1, 0));
    let ticket = runs(&bench.arrives(1, &body), &hide(1, SMALL));
    assert_eq!(bench.arrives(1, &body), vec![]);
    assert_eq!(bench.won_in(1, &body, 1), vec![]);
    assert_eq!(bench.worked(ticket, embedded()), vec![returned(1, 1, 0)]);
    assert_eq!(bench.worked(ticket, embedded()), vec![]);
    assert_eq!(bench.won_in(1, &body, 4), vec![returned(1, 4, 0)]);
    assert_eq!(bench.won_in(1, &body, 2), vec![returned(1, 4, 0)]);
    assert_eq!(bench.won(1, &body_of(2, SMALL)), vec![], "another content");
}

#[test]
fn a_result_that_is_not_taken_is_sent_again_for_a_while_and_then_dropped() {
    let mut bench = Bench::new(config());
    let ticket = runs(&bench.filled(1, SMALL), &hide(1, SMALL));
    bench.worked(ticket, embedded());
    bench.now = 10;
    assert_eq!(bench.give(Input::NotDelivered(id(1))), vec![]);
    assert_eq!(bench.until(509), vec![]);
    assert_eq!(bench.until(510), vec![returned(1, 0, 0)]);
    let told = bench.until(9_999);
    assert!(told.iter().all(|output| *output == returned(1, 0, 0)));
    assert_eq!(told.len(), 3, "reminders in case a word was lost");
    assert_eq!(
        bench.until(10_000),
        vec![Output::Finished(Done::refused(id(1)))]
    );
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn what_is_forgotten_leaves_nothing() {
    let mut bench = Bench::new(config());
    let body = body_of(1, SMALL);
    bench.arrives(1, &body);
    bench.give(Input::Forget(id(1)));
    assert_eq!(bench.won(1, &body), vec![]);
    let ticket = runs(&bench.arrives(1, &body), &hide(1, SMALL));
    bench.give(Input::Forget(id(1)));
    assert_eq!(bench.worked(ticket, embedded()), vec![]);
    assert_eq!(bench.counts(), (0, 0));
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn after_a_halt_nothing_is_left_and_late_answers_are_ignored() {
    let mut bench = Bench::new(config());
    let ticket = runs(&bench.filled(1, SMALL), &hide(1, SMALL));
    bench.filled(2, SMALL);
    let kept = body_of(3, SMALL);
    bench.arrives(3, &kept);
    assert_eq!(bench.give(Input::Halted), vec![]);
    assert_eq!(bench.counts(), (0, 0));
    assert_eq!(bench.machine.deadline(), None);
    let next = runs(&bench.filled(4, SMALL), &hide(4, SMALL));
    assert_ne!(next, ticket, "numbers are not used twice");
    assert_eq!(bench.worked(ticket, embedded()), vec![]);
    assert_eq!(bench.won(3, &kept), vec![]);
    assert_eq!(bench.counts(), (1, 1));
}

#[test]
fn words_about_unknown_requests_change_nothing() {
    let mut bench = Bench::new(config());
    let strange = Ticket {
        desk: Desk::StegoWorker,
        number: 99,
    };
    let words = [
        Input::Lost(id(1)),
        Input::Forget(id(1)),
        Input::BodyStarted(id(1)),
        Input::Delivered(id(1)),
        Input::NotDelivered(id(1)),
        Input::Worked {
            ticket: strange,
            done: embedded(),
        },
    ];
    for word in words {
        assert_eq!(bench.give(word), vec![]);
        assert_eq!(bench.machine.deadline(), None);
    }
}

const HAND_OVER: RefusalReason = RefusalReason::Busy {
    retry_after_ms: HAND_OVER_MS,
};

#[test]
fn a_server_that_is_about_to_end_finishes_what_runs_and_lets_go_of_what_waits() {
    let mut bench = Bench::new(config());
    let body = body_of(1, SMALL);
    bench.won(1, &body);
    let ticket = runs(&bench.arrives(1, &body), &hide(1, SMALL));
    bench.won(2, &body_of(2, SMALL));
    assert_eq!(bench.give(Input::Retired), refused(2, HAND_OVER));
    assert_eq!(bench.won(3, &body_of(3, SMALL)), refused(3, HAND_OVER));
    assert_eq!(bench.worked(ticket, embedded()), [returned(1, 0, 0)]);
    assert_eq!(
        bench.machine.told,
        (0, 0, 1),
        "not done before it is delivered"
    );
    bench.give(Input::Delivered(id(1)));
    assert_eq!(bench.machine.told, (0, 0, 0));
}

#[test]
fn each_end_of_a_request_is_told_once_with_what_it_took() {
    let mut machine = StegoWorker::new(config());
    let mut out = Outbox::new();
    let body = body_of(1, SMALL);
    let inputs = [
        (
            0,
            Input::Won {
                ask: ask_for(1, &body),
                client: client(),
                epoch: 0,
            },
        ),
        (
            10,
            Input::BodyArrived {
                request: id(1),
                body,
            },
        ),
    ];
    for (at, input) in inputs {
        machine.handle(ms(at), input, &mut out);
    }
    let ticket = out.take().into_iter().find_map(|output| match output {
        Output::Run { ticket, .. } => Some(ticket),
        _ => None,
    });
    let ticket = ticket.expect("it runs");
    let done = embedded();
    machine.handle(ms(30), Input::Worked { ticket, done }, &mut out);
    for _ in 0..2 {
        machine.handle(ms(60), Input::Delivered(id(1)), &mut out);
    }
    let told = out.take().into_iter().filter_map(|output| match output {
        Output::Ended(tale) => Some(tale),
        _ => None,
    });
    let tale = Tale {
        ending: Ending::Delivered,
        wait_us: Some(10_000),
        hiding_us: Some(20_000),
        return_us: Some(30_000),
    };
    assert_eq!(told.collect::<Vec<_>>(), [tale]);
}
