//! Recovery against a model of twenty lines: which numbers are on their way, and how large.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{Ack, AckResult, Algorithm, Config, Due, Kind, Outcome, Permit, Recovery};
use crate::time::Moment;

#[derive(Clone, Debug)]
enum Step {
    Send {
        bytes: usize,
        kind: u8,
    },
    Ack {
        back: u64,
        delay_us: u32,
        words: Vec<u64>,
    },
    Stranger {
        beyond: u64,
    },
    Wait {
        micros: u64,
    },
    Deadline,
    Idle,
    Abandon,
    Move,
    Resize {
        bytes: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let words = prop::collection::vec(prop_oneof![Just(u64::MAX), Just(0), any::<u64>()], 0..6);
    prop_oneof![
        12 => (1_usize..3_000, 0_u8..8).prop_map(|(bytes, kind)| Step::Send { bytes, kind }),
        6 => (0_u64..90, any::<u32>(), words)
            .prop_map(|(back, delay_us, words)| Step::Ack { back, delay_us, words }),
        1 => (0_u64..1 << 48).prop_map(|beyond| Step::Stranger { beyond }),
        6 => (0_u64..60_000).prop_map(|micros| Step::Wait { micros }),
        4 => Just(Step::Deadline),
        1 => Just(Step::Idle),
        1 => Just(Step::Abandon),
        1 => Just(Step::Move),
        1 => (1_200_usize..60_000).prop_map(|bytes| Step::Resize { bytes }),
    ]
}

/// What the model knows: bytes on their way by number.
#[derive(Default)]
struct Model {
    on_their_way: BTreeMap<u64, usize>,
    next: u64,
}

impl Model {
    fn settle(&mut self, outcomes: Vec<Outcome<u64>>) {
        let mut lost = false;
        for outcome in outcomes {
            let packet = match outcome {
                Outcome::Acked(packet) => {
                    assert!(!lost, "acknowledged ones come first");
                    packet
                }
                Outcome::Lost(packet) => {
                    lost = true;
                    packet
                }
            };
            assert_eq!(packet.carried, packet.number);
            let bytes = self.on_their_way.remove(&packet.number);
            assert_eq!(bytes, Some(packet.bytes), "handed out once, with its size");
        }
    }

    fn check(&self, recovery: &Recovery<u64>) {
        let bytes: usize = self.on_their_way.values().sum();
        assert_eq!(recovery.in_flight_bytes(), bytes as u64);
        assert_eq!(recovery.deadline().is_some(), !self.on_their_way.is_empty());
        assert_eq!(recovery.next_number(), self.next);
        assert!(recovery.window_bytes() > 0);
    }
}

fn apply(step: Step, now: &mut Moment, recovery: &mut Recovery<u64>, model: &mut Model) {
    let mut outcomes = Vec::new();
    let mut take = |outcome| outcomes.push(outcome);
    match step {
        Step::Send { bytes, kind } => {
            let kind = match kind {
                0 => Kind::Silent,
                1 => Kind::Probe(bytes),
                _ => Kind::Eliciting,
            };
            let number = recovery.on_sent(*now, bytes, kind, model.next);
            assert_eq!(number, model.next, "numbers go up by one");
            model.next += 1;
            if kind != Kind::Silent {
                model.on_their_way.insert(number, bytes);
            }
        }
        Step::Ack {
            back,
            delay_us,
            words,
        } => {
            let Some(largest) = model.next.checked_sub(1) else {
                return;
            };
            let ack = Ack {
                largest: largest.saturating_sub(back),
                delay_us,
                words: &words,
                marks: None,
            };
            assert_ne!(recovery.on_ack(*now, &ack, &mut take), AckResult::Stranger);
        }
        Step::Stranger { beyond } => {
            let before = format!("{recovery:?}");
            let ack = Ack {
                largest: model.next + beyond,
                delay_us: 0,
                words: &[u64::MAX; 16],
                marks: Some(1),
            };
            assert_eq!(recovery.on_ack(*now, &ack, &mut take), AckResult::Stranger);
            let after = format!("{recovery:?}");
            assert_eq!(
                before.split("counters").next(),
                after.split("counters").next()
            );
        }
        Step::Wait { micros } => *now = Moment::from_micros(now.as_micros() + micros),
        Step::Deadline => {
            if let Some(due) = recovery.deadline() {
                *now = due.max(*now);
                let what = recovery.on_deadline(*now, &mut take);
                // Proof of reordering may have moved it.
                let moved = recovery.deadline().is_none_or(|due| due > *now);
                assert!(moved || what == Due::Losses, "{what:?} and due at once");
            }
        }
        Step::Idle => recovery.app_limited(*now),
        Step::Abandon => recovery.abandon(&mut take),
        Step::Move => recovery.path_changed(*now, &mut take),
        Step::Resize { bytes } => recovery.set_datagram_bytes(bytes),
    }
    model.settle(outcomes);
    model.check(recovery);
    if let Permit::At(at) = recovery.permit(*now) {
        assert!(at > *now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn numbers_bytes_and_carried_values_agree_with_the_model(
        steps in prop::collection::vec(step(), 1..400),
        cubic in any::<bool>(),
    ) {
        let mut now = Moment::from_millis(1);
        let congestion = if cubic { Algorithm::Cubic } else { Algorithm::Bbr };
        let config = Config { congestion, ..Config::lan() };
        let mut recovery = Recovery::new(config, now);
        let mut model = Model::default();
        for step in steps {
            apply(step, &mut now, &mut recovery, &mut model);
        }
        // In the end everything comes to an end.
        let mut outcomes = Vec::new();
        if let Some(largest) = model.next.checked_sub(1) {
            let ack = Ack { largest, delay_us: 0, words: &[u64::MAX; 16], marks: None };
            recovery.on_ack(now, &ack, &mut |outcome| outcomes.push(outcome));
        }
        model.settle(outcomes);
        prop_assert!(model.on_their_way.is_empty());
        model.check(&recovery);
    }
}
