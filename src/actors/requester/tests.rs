use proptest::prelude::*;

use super::*;
use crate::actors::edges::Desk;
use crate::proto::control::Reason;
use crate::proto::limits::SMALL_BODY_BYTES;

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);
const STRANGER: NodeId = NodeId(9);
const TICKET: Ticket = Ticket {
    desk: Desk::Studio,
    number: 1,
};
const FIRST: RequestId = RequestId {
    boot: 7,
    counter: 1,
};

/// Drives a requester by hand; time is in milliseconds.
struct Bench {
    machine: Requester,
    now_ms: u64,
}

impl Bench {
    fn new() -> Self {
        Self {
            machine: Requester::new(Config::lan(vec![N1, N2, N3], 7)),
            now_ms: 0,
        }
    }

    fn now(&self) -> Moment {
        Moment::from_millis(self.now_ms)
    }

    fn give(&mut self, input: Input) -> Vec<Output> {
        let mut out = Outbox::new();
        self.machine.handle(self.now(), input, &mut out);
        out.take()
    }

    /// Moves time on, with a call at each deadline on the way.
    fn wait(&mut self, ms: u64) -> Vec<Output> {
        let end = Moment::from_millis(self.now_ms + ms);
        let mut out = Outbox::new();
        while let Some(due) = self.machine.deadline().filter(|due| *due <= end) {
            self.machine.on_deadline(due, &mut out);
            assert!(
                self.machine.deadline().is_none_or(|next| next > due),
                "the deadline moves on"
            );
        }
        self.now_ms += ms;
        out.take()
    }

    fn hide(&mut self, body: Bytes) -> Vec<Output> {
        self.give(Input::Hide {
            ticket: TICKET,
            body,
        })
    }

    fn elected(&mut self, node: NodeId, epoch: u32) -> Vec<Output> {
        self.give(Input::ElectedHeard(Elected {
            request: FIRST,
            epoch,
            node,
        }))
    }

    fn need_body(&mut self, from: NodeId, epoch: u32) -> Vec<Output> {
        self.give(Input::BodyNeeded {
            from,
            request: FIRST,
            epoch,
        })
    }

    fn refused(&mut self, from: NodeId, reason: RefusalReason) -> Vec<Output> {
        self.give(Input::RefusedHeard {
            from,
            request: FIRST,
            reason,
        })
    }

    fn upload_progress(&mut self, to: NodeId) -> Vec<Output> {
        self.give(Input::UploadProgress {
            to,
            request: FIRST,
            done_bytes: 10,
            total_bytes: 100,
        })
    }

    fn uploaded(&mut self, to: NodeId) -> Vec<Output> {
        self.give(Input::Uploaded { to, request: FIRST })
    }

    fn download_progress(&mut self, from: NodeId) -> Vec<Output> {
        self.give(Input::DownloadProgress {
            request: FIRST,
            from,
            done_bytes: 0,
            total_bytes: 50,
        })
    }

    fn result(&mut self, from: NodeId, epoch: u32) -> Vec<Output> {
        self.give(Input::ResultArrived {
            request: FIRST,
            from,
            epoch,
            picture: Bytes::from_static(b"png"),
        })
    }
}

fn small() -> Bytes {
    Bytes::from(vec![1; SMALL_BODY_BYTES])
}

fn large() -> Bytes {
    Bytes::from(vec![1; SMALL_BODY_BYTES + 1])
}

fn asked(orders: &[Output]) -> Vec<NodeId> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Send {
                to,
                packet: Packet::Ask { ask, .. },
            } => {
                assert_eq!(ask.request, FIRST, "always the same request");
                Some(*to)
            }
            _ => None,
        })
        .collect()
}

fn uploads(orders: &[Output]) -> Vec<NodeId> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Upload { to, .. } => Some(*to),
            _ => None,
        })
        .collect()
}

fn cancels(orders: &[Output]) -> Vec<NodeId> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::CancelUpload { to, .. } => Some(*to),
            _ => None,
        })
        .collect()
}

fn steps(orders: &[Output]) -> Vec<Progress> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Progress { progress, .. } => Some(*progress),
            _ => None,
        })
        .collect()
}

fn failure(orders: &[Output]) -> Option<Reason> {
    orders.iter().find_map(|order| match order {
        Output::Failed { failure, .. } => Some(failure.reason),
        _ => None,
    })
}

fn timings(orders: &[Output]) -> Option<Timings> {
    orders.iter().find_map(|order| match order {
        Output::Hidden { timings, .. } => Some(*timings),
        _ => None,
    })
}

#[test]
fn a_small_body_goes_to_all_servers_with_the_ask_and_a_large_one_to_none() {
    let mut bench = Bench::new();
    let orders = bench.hide(small());
    assert_eq!(asked(&orders), [N1, N2, N3]);
    assert_eq!(uploads(&orders), [N1, N2, N3]);
    assert_eq!(steps(&orders), [Progress::Asked(FIRST)]);
    let mut bench = Bench::new();
    let orders = bench.hide(large());
    assert_eq!(asked(&orders), [N1, N2, N3]);
    assert_eq!(uploads(&orders), []);
}

#[test]
fn the_first_server_that_takes_a_large_request_gets_the_body_once() {
    let mut bench = Bench::new();
    bench.hide(large());
    let orders = bench.elected(N2, 0);
    assert_eq!(uploads(&orders), [N2]);
    assert_eq!(steps(&orders), [Progress::Elected { node: N2, epoch: 0 }]);
    assert_eq!(bench.elected(N2, 0), []);
}

#[test]
fn a_later_epoch_moves_the_upload_and_an_earlier_one_changes_nothing() {
    let mut bench = Bench::new();
    bench.hide(large());
    bench.elected(N1, 1);
    bench.upload_progress(N1);
    let orders = bench.elected(N2, 2);
    assert_eq!(cancels(&orders), [N1]);
    assert_eq!(uploads(&orders), [N2]);
    assert_eq!(bench.elected(N3, 1), []);
    assert_eq!(bench.elected(N1, 1), []);
    assert_eq!(bench.elected(N2, 1), []);
}

#[test]
fn of_two_claims_that_cross_the_later_word_counts_even_after_the_upload_began() {
    let mut bench = Bench::new();
    bench.hide(large());
    bench.elected(N1, 0);
    bench.upload_progress(N1);
    let orders = bench.elected(N2, 0);
    assert_eq!(cancels(&orders), [N1]);
    assert_eq!(uploads(&orders), [N2]);
    bench.upload_progress(N2);
    bench.now_ms = 450;
    bench.upload_progress(N2);
    assert_eq!(bench.elected(N1, 0), [], "claims do not cross that late");
    let end = bench.result(N2, 0);
    assert_eq!(timings(&end).map(|t| t.owners), Some(1), "none was lost");
}

#[test]
fn the_same_server_with_a_later_epoch_goes_on_without_a_second_upload() {
    let mut bench = Bench::new();
    bench.hide(large());
    bench.elected(N1, 0);
    let orders = bench.elected(N1, 2);
    assert_eq!(steps(&orders), [Progress::Elected { node: N1, epoch: 2 }]);
    assert_eq!(uploads(&orders), []);
    assert_eq!(bench.elected(N2, 1), []);
}

#[test]
fn servers_that_lost_their_memory_may_take_over_from_a_silent_owner() {
    let mut bench = Bench::new();
    bench.hide(large());
    bench.elected(N1, 3);
    bench.upload_progress(N1);
    bench.wait(1_199);
    assert_eq!(bench.elected(N2, 0), []);
    bench.wait(1);
    assert_eq!(uploads(&bench.elected(N2, 0)), [N2]);
}

#[test]
fn the_body_is_sent_again_when_the_owner_needs_it_and_only_then() {
    let mut bench = Bench::new();
    bench.hide(small());
    bench.elected(N1, 1);
    bench.uploaded(N1);
    assert_eq!(uploads(&bench.need_body(N1, 1)), [N1]);
    assert_eq!(bench.need_body(N2, 0), []);
    assert_eq!(bench.need_body(N1, 0), []);
}

#[test]
fn a_body_that_a_server_had_and_lost_goes_there_as_another_message() {
    let attempts = |orders: &[Output]| -> Vec<u32> {
        let attempt = |order: &Output| match order {
            Output::Upload { attempt, .. } => Some(*attempt),
            _ => None,
        };
        orders.iter().filter_map(attempt).collect()
    };
    let mut bench = Bench::new();
    bench.hide(large());
    assert_eq!(attempts(&bench.elected(N1, 0)), [0]);
    assert_eq!(attempts(&bench.need_body(N1, 0)), [0], "it is under way");
    bench.uploaded(N1);
    assert_eq!(attempts(&bench.need_body(N1, 0)), [1]);
    assert_eq!(attempts(&bench.need_body(N1, 0)), [1], "it is under way");
    bench.uploaded(N1);
    bench.refused(N1, RefusalReason::Failed);
    assert_eq!(attempts(&bench.elected(N1, 1)), [2]);
    assert_eq!(attempts(&bench.elected(N2, 2)), [0], "never had it");
}

#[test]
fn a_need_of_the_body_stands_for_an_election_whose_word_was_lost() {
    let mut bench = Bench::new();
    bench.hide(large());
    let orders = bench.need_body(N3, 0);
    assert_eq!(steps(&orders), [Progress::Elected { node: N3, epoch: 0 }]);
    assert_eq!(uploads(&orders), [N3]);
}

#[test]
fn an_upload_that_failed_begins_anew_when_the_owner_answers() {
    let mut bench = Bench::new();
    bench.hide(large());
    bench.elected(N1, 0);
    assert_eq!(
        bench.give(Input::UploadFailed {
            to: N1,
            request: FIRST
        }),
        []
    );
    assert_eq!(asked(&bench.wait(400)), [N1, N2, N3]);
    assert_eq!(uploads(&bench.elected(N1, 0)), [N1]);
}

#[test]
fn the_servers_are_asked_again_only_when_nothing_moves() {
    let mut bench = Bench::new();
    bench.hide(large());
    assert_eq!(asked(&bench.wait(399)), []);
    assert_eq!(asked(&bench.wait(1)).len(), 3);
    bench.elected(N1, 0);
    for _ in 0..20 {
        assert_eq!(bench.wait(300), []);
        assert_eq!(
            steps(&bench.upload_progress(N1)),
            [Progress::Uploading {
                done_bytes: 10,
                total_bytes: 100
            }]
        );
    }
    assert_eq!(steps(&bench.uploaded(N1)), [Progress::Hiding]);
    assert_eq!(asked(&bench.wait(800)).len(), 6);
}

#[test]
fn a_silent_worker_is_no_reason_to_give_up_while_it_says_that_it_has_the_request() {
    let mut bench = Bench::new();
    bench.hide(small());
    bench.elected(N1, 0);
    for _ in 0..30 {
        assert_eq!(failure(&bench.wait(14_999)), None);
        bench.elected(N1, 0);
    }
    assert_eq!(failure(&bench.wait(14_999)), None);
    assert_eq!(failure(&bench.wait(1)), Some(Reason::Unreachable));
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn no_wish_lives_for_ever() {
    let mut bench = Bench::new();
    bench.hide(small());
    let mut ended = None;
    for _ in 0..601 {
        bench.elected(N1, 0);
        ended = ended.or(failure(&bench.wait(1_000)));
    }
    assert_eq!(ended, Some(Reason::Unreachable));
}

#[test]
fn without_any_server_the_wish_fails_after_the_give_up_time() {
    let mut bench = Bench::new();
    bench.hide(small());
    assert_eq!(failure(&bench.wait(14_999)), None);
    let end = bench.wait(1);
    assert_eq!(failure(&end), Some(Reason::Unreachable));
    assert_eq!(cancels(&end), [N1, N2, N3]);
    assert_eq!(bench.elected(N1, 0), []);
}

#[test]
fn a_lost_word_of_another_server_is_no_sign_of_the_owner() {
    let mut bench = Bench::new();
    bench.hide(large());
    bench.elected(N1, 4);
    bench.wait(1_000);
    bench.elected(N2, 3);
    assert_eq!(failure(&bench.wait(14_000)), Some(Reason::Unreachable));
}

#[test]
fn a_busy_server_is_asked_again_after_its_wait() {
    let mut bench = Bench::new();
    bench.hide(large());
    bench.elected(N1, 0);
    let busy = RefusalReason::Busy {
        retry_after_ms: 1_000,
    };
    assert_eq!(cancels(&bench.refused(N1, busy)), [N1]);
    assert_eq!(asked(&bench.wait(999)), []);
    assert_eq!(asked(&bench.wait(1)), [N1, N2, N3]);
    assert_eq!(uploads(&bench.elected(N2, 0)), [N2]);
    bench.uploaded(N2);
    assert_eq!(
        timings(&bench.result(N2, 0)).map(|t| t.owners),
        Some(1),
        "a server that refuses has not taken the request"
    );
}

#[test]
fn servers_that_stay_busy_end_the_wish_as_busy() {
    let mut bench = Bench::new();
    bench.hide(small());
    let mut waited_ms = 0;
    let mut ended = None;
    while ended.is_none() {
        bench.elected(N1, 0);
        let busy = RefusalReason::Busy {
            retry_after_ms: u32::MAX,
        };
        ended = failure(&bench.refused(N1, busy)).or_else(|| failure(&bench.wait(500)));
        waited_ms += 500;
        assert!(waited_ms <= 15_000);
    }
    assert_eq!(ended, Some(Reason::Busy));
    assert_eq!(waited_ms, 15_000);
}

#[test]
fn a_server_that_worked_after_a_busy_word_starts_the_count_anew() {
    let mut bench = Bench::new();
    bench.hide(large());
    let busy = RefusalReason::Busy { retry_after_ms: 1 };
    bench.refused(N1, busy);
    bench.wait(10_000);
    bench.elected(N2, 0);
    bench.upload_progress(N2);
    bench.refused(N2, busy);
    assert_eq!(failure(&bench.wait(14_000)), None);
    assert_eq!(failure(&bench.wait(1_000)), Some(Reason::Busy));
}

#[test]
fn a_refusal_is_final_only_from_the_owner() {
    let too_large = RefusalReason::TooLarge { limit_bytes: 5 };
    let mut bench = Bench::new();
    bench.hide(large());
    assert_eq!(bench.refused(N1, too_large), []);
    bench.elected(N2, 0);
    assert_eq!(bench.refused(N1, too_large), []);
    assert_eq!(bench.refused(N1, RefusalReason::BadCover), []);
    assert_eq!(
        failure(&bench.refused(N2, too_large)),
        Some(Reason::TooLarge)
    );
    let mut bench = Bench::new();
    bench.hide(large());
    bench.elected(N2, 0);
    assert_eq!(
        failure(&bench.refused(N2, RefusalReason::BadCover)),
        Some(Reason::BadPicture)
    );
}

#[test]
fn a_damaged_body_is_sent_once_more_and_failed_work_is_tried_twice_more() {
    for (reason, attempts, word) in [
        (RefusalReason::BadBody, 2, Reason::Integrity),
        (RefusalReason::Failed, 3, Reason::Other),
    ] {
        let mut bench = Bench::new();
        bench.hide(large());
        for attempt in 1..=attempts {
            assert_eq!(uploads(&bench.elected(N1, 0)), [N1]);
            bench.uploaded(N1);
            let orders = bench.refused(N1, reason);
            assert_eq!(failure(&orders), (attempt == attempts).then_some(word));
            if attempt < attempts {
                assert_eq!(bench.refused(N1, reason), [], "a repeated word counts once");
                assert_eq!(asked(&bench.wait(400)).len(), 3);
            }
        }
    }
}

#[test]
fn the_first_result_is_the_only_one() {
    let mut bench = Bench::new();
    bench.hide(small());
    bench.elected(N1, 0);
    bench.uploaded(N1);
    let orders = bench.result(N2, 1);
    assert_eq!(cancels(&orders), [N2, N3]);
    let picture = Bytes::from_static(b"png");
    assert!(matches!(
        orders.last(),
        Some(Output::Hidden { ticket: TICKET, request: FIRST, digest, picture: found, .. })
            if *digest == Digest::of(&picture) && *found == picture
    ));
    assert_eq!(bench.result(N1, 0), []);
    assert_eq!(bench.elected(N1, 0), []);
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn the_time_of_a_request_is_told_by_its_stages() {
    let mut bench = Bench::new();
    bench.hide(large());
    bench.wait(10);
    bench.elected(N1, 0);
    bench.wait(5);
    bench.elected(N2, 1);
    bench.wait(20);
    assert_eq!(steps(&bench.uploaded(N2)), [Progress::Hiding]);
    bench.wait(200);
    assert_eq!(
        steps(&bench.download_progress(N2)),
        [Progress::Downloading {
            done_bytes: 0,
            total_bytes: 50
        }]
    );
    bench.wait(7);
    let timings = timings(&bench.result(N2, 1)).expect("done");
    assert_eq!(
        timings,
        Timings {
            election_us: 15_000,
            upload_us: 20_000,
            hiding_us: 200_000,
            download_us: 7_000,
            owners: 2,
            node: Some(N2),
        }
    );
}

#[test]
fn a_body_that_is_there_before_the_election_takes_no_time_of_its_own() {
    let mut bench = Bench::new();
    bench.hide(small());
    bench.wait(3);
    assert_eq!(bench.uploaded(N1), []);
    bench.wait(3);
    assert_eq!(
        steps(&bench.elected(N1, 0)),
        [Progress::Elected { node: N1, epoch: 0 }, Progress::Hiding]
    );
    bench.wait(4);
    let timings = timings(&bench.result(N1, 0)).expect("done");
    assert_eq!((timings.election_us, timings.upload_us), (6_000, 0));
    assert_eq!((timings.hiding_us, timings.download_us), (4_000, 0));
}

#[test]
fn words_of_strangers_and_of_unknown_requests_change_nothing() {
    let mut bench = Bench::new();
    bench.hide(large());
    assert_eq!(bench.elected(STRANGER, 5), []);
    assert_eq!(bench.result(STRANGER, 5), []);
    let other = RequestId {
        boot: 8,
        counter: 1,
    };
    assert_eq!(
        bench.give(Input::ElectedHeard(Elected {
            request: other,
            epoch: 0,
            node: N1
        })),
        []
    );
    assert_eq!(uploads(&bench.elected(N1, 0)), [N1]);
}

#[test]
fn one_order_makes_one_request_and_too_many_are_refused() {
    let mut bench = Bench::new();
    bench.hide(small());
    assert_eq!(bench.hide(small()), []);
    let max = bench.machine.config.wishes_max as u64;
    for number in 2..=max + 1 {
        let orders = bench.give(Input::Hide {
            ticket: Ticket {
                desk: Desk::Studio,
                number,
            },
            body: large(),
        });
        let refused = number > max;
        assert_eq!(failure(&orders), refused.then_some(Reason::Busy));
    }
}

#[test]
fn a_body_over_the_limit_of_a_message_is_refused_at_once() {
    let mut bench = Bench::new();
    let orders = bench.hide(Bytes::from(vec![0; BODY_MAX_BYTES + 1]));
    assert_eq!(failure(&orders), Some(Reason::TooLarge));
    assert_eq!(orders.len(), 1);
    assert_eq!(
        failure(&bench.hide(Bytes::from(vec![0; BODY_MAX_BYTES]))),
        None
    );
}

fn any_input() -> impl Strategy<Value = (u64, Input)> {
    let node = (1_u8..5).prop_map(NodeId);
    let request = (1_u32..4).prop_map(|counter| RequestId { boot: 7, counter });
    let reason = prop_oneof![
        any::<u32>().prop_map(|retry_after_ms| RefusalReason::Busy { retry_after_ms }),
        Just(RefusalReason::BadBody),
        Just(RefusalReason::TooLarge { limit_bytes: 1 }),
        Just(RefusalReason::BadCover),
        Just(RefusalReason::Failed),
    ];
    let input = (0_u8..9, node, request, reason, 0_u32..4, any::<bool>()).prop_map(
        |(kind, node, request, reason, epoch, is_small)| match kind {
            0 => Input::Hide {
                ticket: Ticket {
                    desk: Desk::Studio,
                    number: request.counter.into(),
                },
                body: if is_small { small() } else { large() },
            },
            1 => Input::ElectedHeard(Elected {
                request,
                epoch,
                node,
            }),
            2 => Input::BodyNeeded {
                from: node,
                request,
                epoch,
            },
            3 => Input::RefusedHeard {
                from: node,
                request,
                reason,
            },
            4 => Input::UploadProgress {
                to: node,
                request,
                done_bytes: epoch,
                total_bytes: 4,
            },
            5 => Input::Uploaded { to: node, request },
            6 => Input::UploadFailed { to: node, request },
            7 => Input::DownloadProgress {
                request,
                from: node,
                done_bytes: epoch,
                total_bytes: 4,
            },
            _ => Input::ResultArrived {
                request,
                from: node,
                epoch,
                picture: Bytes::new(),
            },
        },
    );
    (0_u64..2_000, input)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the servers say, each request ends exactly once, and only servers of ours get a
    /// body or a question.
    #[test]
    fn every_wish_ends_exactly_once(inputs in prop::collection::vec(any_input(), 0..60)) {
        let mut bench = Bench::new();
        let mut orders = Vec::new();
        for (wait_ms, input) in inputs {
            orders.extend(bench.wait(wait_ms));
            orders.extend(bench.give(input));
        }
        orders.extend(bench.wait(700_000));
        prop_assert_eq!(bench.machine.deadline(), None);
        let mut begun = 0;
        let mut ended = 0;
        for order in orders {
            match order {
                Output::Progress { progress: Progress::Asked(_), .. } => begun += 1,
                Output::Hidden { .. } | Output::Failed { .. } => ended += 1,
                Output::Send { to, .. } | Output::Upload { to, .. } => {
                    prop_assert!([N1, N2, N3].contains(&to));
                }
                _ => {}
            }
        }
        prop_assert_eq!(begun, ended);
    }
}

#[test]
fn a_cancelled_wish_ends_its_upload_and_says_nothing_more() {
    let mut bench = Bench::new();
    bench.hide(Bytes::from(vec![1; SMALL_BODY_BYTES + 1]));
    bench.elected(N2, 0);
    let orders = bench.give(Input::Cancel(TICKET));
    let cancelled = Output::CancelUpload {
        to: N2,
        request: FIRST,
        attempt: 0,
    };
    assert_eq!(orders, [cancelled]);
    assert_eq!(bench.machine.deadline(), None);
    assert_eq!(bench.elected(N2, 1), []);
    let picture = Bytes::from_static(b"png");
    let late = Input::ResultArrived {
        request: FIRST,
        from: N2,
        epoch: 0,
        picture,
    };
    assert_eq!(bench.give(late), []);
    assert_eq!(bench.give(Input::Cancel(TICKET)), []);
}
