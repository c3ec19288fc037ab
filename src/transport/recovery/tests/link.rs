//! A link in virtual time and the flows that share it: a sender driven by [`Recovery`], a receiver
//! that acknowledges as ours does. One seed, one result.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::super::{Ack, Config, Due, Kind, Outcome, Permit, Recovery};
use super::far_end::{Receiver, Report};
use crate::time::Moment;

/// Bytes of IP and UDP that every datagram costs on the link.
const HEADERS_BYTES: usize = 28;
/// Bytes of a full datagram that are not the message's: our header, tag, frame and fragment.
const OVERHEAD_BYTES: usize = 40;
const ACK_BYTES: usize = 60;

/// What one direction of a link does to packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) bits_per_s: f64,
    pub(super) delay_us: u64,
    pub(super) queue_bytes: f64,
    /// Share lost before the queue.
    pub(super) loss: f64,
    /// Packets lost in a row once one is lost.
    pub(super) burst: u32,
    /// Share that comes late, and how late.
    pub(super) late: f64,
    pub(super) late_us: u64,
    pub(super) duplicate: f64,
    /// Every packet is later by up to this, in order.
    pub(super) jitter_us: u64,
    /// Nothing passes from the first of these moments to the second.
    pub(super) outage_us: (u64, u64),
    /// Timers of the sender are late by up to this.
    pub(super) slack_us: u64,
    /// From this moment on the way is another one: so much longer, with this part of the rate.
    pub(super) detour: (u64, u64, f64),
}

impl Shape {
    /// 100 Mbit/s, 20 ms of round trip; the queue in milliseconds at that rate.
    pub(super) fn hundred(queue_ms: f64) -> Self {
        Self {
            bits_per_s: 100e6,
            delay_us: 10_000,
            queue_bytes: queue_ms * 12_500.0,
            loss: 0.0,
            burst: 1,
            late: 0.0,
            late_us: 0,
            duplicate: 0.0,
            jitter_us: 0,
            outage_us: (0, 0),
            slack_us: 0,
            detour: (u64::MAX, 0, 1.0),
        }
    }

    pub(super) fn losing(self, loss: f64) -> Self {
        Self { loss, ..self }
    }

    pub(super) fn late(self, late: f64, late_us: u64) -> Self {
        Self {
            late,
            late_us,
            ..self
        }
    }
}

/// One direction.
struct Direction {
    shape: Shape,
    free_at_us: f64,
    /// When the last packet came out, but for late ones.
    out_at_us: u64,
    losing: u32,
    offered: u64,
    dropped: u64,
}

impl Direction {
    fn new(shape: Shape) -> Self {
        Self {
            shape,
            free_at_us: 0.0,
            out_at_us: 0,
            losing: 0,
            offered: 0,
            dropped: 0,
        }
    }

    /// When a packet handed over now comes out: never, once, twice.
    fn carry(&mut self, now_us: u64, bytes: usize, random: &mut ChaCha8Rng) -> Vec<u64> {
        self.offered += 1;
        let (from_us, until_us) = self.shape.outage_us;
        if (from_us..until_us).contains(&now_us) {
            return Vec::new();
        }
        if self.losing > 0 {
            self.losing -= 1;
            return Vec::new();
        }
        if random.random_bool(self.shape.loss) {
            self.losing = self.shape.burst - 1;
            return Vec::new();
        }
        let mut out = Vec::new();
        let copies = 1 + u32::from(random.random_bool(self.shape.duplicate));
        for _ in 0..copies {
            let (from_us, longer_us, slower) = self.shape.detour;
            let (longer_us, slower) = if now_us < from_us {
                (0, 1.0)
            } else {
                (longer_us, slower)
            };
            let us_per_byte = 8e6 / (self.shape.bits_per_s * slower);
            let size = (bytes + HEADERS_BYTES) as f64;
            let backlog = (self.free_at_us - now_us as f64).max(0.0) / us_per_byte;
            if backlog + size > self.shape.queue_bytes {
                self.dropped += 1;
                continue;
            }
            self.free_at_us = self.free_at_us.max(now_us as f64) + size * us_per_byte;
            let late_us = if random.random_bool(self.shape.late) {
                self.shape.late_us
            } else {
                0
            };
            let jitter_us = random.random_range(0..=self.shape.jitter_us);
            let at_us = self.free_at_us as u64 + self.shape.delay_us + longer_us + jitter_us;
            self.out_at_us = self.out_at_us.max(at_us);
            out.push(self.out_at_us + late_us);
        }
        out
    }
}

/// What a flow sends, how and when.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) config: Config,
    pub(super) message_bytes: usize,
    pub(super) start_us: u64,
}

/// A sender and its receiver.
pub(super) struct Flow {
    plan: Plan,
    pub(super) recovery: Recovery<u32>,
    receiver: Receiver,
    total: u32,
    next_new: u32,
    again: VecDeque<u32>,
    acked: Vec<bool>,
    acked_count: u32,
    waiting: BTreeSet<u32>,
    wake_us: u64,
    /// When the receiver had everything, on the link's clock.
    pub(super) done_us: Option<u64>,
    /// Fragments at the receiver, by time: one sample for every millisecond.
    pub(super) progress: Vec<u32>,
    pub(super) packets: u64,
    pub(super) trace: Vec<String>,
}

impl Flow {
    fn new(plan: Plan) -> Self {
        let payload = plan.config.datagram_bytes - OVERHEAD_BYTES;
        let total = plan.message_bytes.div_ceil(payload) as u32;
        Self {
            recovery: Recovery::new(plan.config.clone(), Moment::from_micros(plan.start_us)),
            receiver: Receiver::default(),
            total,
            next_new: 0,
            again: VecDeque::new(),
            acked: vec![false; total as usize],
            acked_count: 0,
            waiting: BTreeSet::new(),
            wake_us: plan.start_us,
            done_us: None,
            progress: Vec::new(),
            packets: 0,
            trace: Vec::new(),
            plan,
        }
    }

    fn settle(&mut self, outcomes: Vec<Outcome<u32>>) {
        for outcome in outcomes {
            match outcome {
                Outcome::Acked(packet) => {
                    let seen = &mut self.acked[packet.carried as usize];
                    self.acked_count += u32::from(!*seen);
                    *seen = true;
                    self.waiting.remove(&packet.carried);
                }
                Outcome::Lost(packet) => {
                    if !self.acked[packet.carried as usize] {
                        self.again.push_back(packet.carried);
                    }
                }
            }
        }
    }

    fn next(&mut self) -> Option<u32> {
        while let Some(fragment) = self.again.pop_front() {
            if !self.acked[fragment as usize] {
                return Some(fragment);
            }
        }
        (self.next_new < self.total).then(|| {
            self.next_new += 1;
            self.next_new - 1
        })
    }

    /// Receiver's progress in bytes at a millisecond.
    pub(super) fn bytes_at(&self, ms: usize) -> f64 {
        let payload = self.plan.config.datagram_bytes - OVERHEAD_BYTES;
        let fragments = self.progress.get(ms).or(self.progress.last());
        f64::from(*fragments.unwrap_or(&0)) * payload as f64
    }

    /// From the start to the receiver's last byte, with the round trip of a handshake and half a
    /// one for the request.
    pub(super) fn total_ms(&self, rtt_us: u64) -> f64 {
        let done_us = self.done_us.expect("the transfer ended");
        (done_us - self.plan.start_us + rtt_us + rtt_us / 2) as f64 / 1e3
    }

    pub(super) fn mbit_per_s(&self, rtt_us: u64) -> f64 {
        self.plan.message_bytes as f64 * 8.0 / self.total_ms(rtt_us) / 1e3
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Data(usize, u64, u32),
    Ack(usize, Report),
    AckTimer(usize),
    Wake(usize),
}

/// A bottleneck, its way back, and the flows on it.
pub(super) struct World {
    now_us: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    count: u64,
    there: Direction,
    back: Direction,
    pub(super) flows: Vec<Flow>,
    random: ChaCha8Rng,
    pub(super) tracing: bool,
}

impl World {
    pub(super) fn new(there: Shape, back: Shape, plans: Vec<Plan>, seed: u64) -> Self {
        let mut world = Self {
            now_us: 0,
            events: BinaryHeap::new(),
            count: 0,
            there: Direction::new(there),
            back: Direction::new(back),
            flows: plans.into_iter().map(Flow::new).collect(),
            random: ChaCha8Rng::seed_from_u64(seed),
            tracing: false,
        };
        for index in 0..world.flows.len() {
            let start_us = world.flows[index].plan.start_us;
            world.at(start_us, Event::Wake(index));
        }
        world
    }

    /// Share of the packets that the bottleneck's queue dropped.
    pub(super) fn dropped(&self) -> f64 {
        self.there.dropped as f64 / self.there.offered as f64
    }

    fn at(&mut self, at_us: u64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((at_us, self.count, event)));
    }

    /// Until every flow is done, or the time is up. Whether all are done.
    pub(super) fn run(&mut self, until_us: u64) -> bool {
        while let Some(Reverse((at_us, _, event))) = self.events.pop() {
            if at_us > until_us {
                return false;
            }
            self.now_us = at_us;
            match event {
                Event::Data(flow, number, fragment) => self.on_data(flow, number, fragment),
                Event::Ack(flow, report) => self.on_ack(flow, &report),
                Event::AckTimer(flow) => {
                    let due = self.flows[flow].receiver.ack_at_us;
                    if due.is_some_and(|due_us| due_us <= at_us) {
                        self.acknowledge(flow);
                    }
                }
                Event::Wake(flow) => {
                    if self.flows[flow].wake_us <= at_us {
                        self.flows[flow].wake_us = u64::MAX;
                        self.on_timer(flow);
                    }
                }
            }
            if self.flows.iter().all(|flow| flow.acked_count == flow.total) {
                return true;
            }
        }
        false
    }

    fn on_data(&mut self, index: usize, number: u64, fragment: u32) {
        let now_us = self.now_us;
        let flow = &mut self.flows[index];
        let at_once = flow.receiver.take(now_us, number, fragment);
        let have = flow.receiver.fragments.len() as u32;
        let ms = (now_us / 1_000) as usize;
        while flow.progress.len() <= ms {
            flow.progress
                .push(flow.progress.last().copied().unwrap_or(0));
        }
        flow.progress[ms] = have;
        let done = have == flow.total;
        if done && flow.done_us.is_none() {
            flow.done_us = Some(now_us);
        }
        if at_once || done {
            self.acknowledge(index);
        } else if let Some(at_us) = flow.receiver.ack_at_us {
            self.at(at_us, Event::AckTimer(index));
        }
    }

    fn acknowledge(&mut self, index: usize) {
        let Some(report) = self.flows[index].receiver.ack(self.now_us) else {
            return;
        };
        for at_us in self.back.carry(self.now_us, ACK_BYTES, &mut self.random) {
            self.at(at_us, Event::Ack(index, report.clone()));
        }
    }

    fn on_ack(&mut self, index: usize, report: &Report) {
        let flow = &mut self.flows[index];
        let mut outcomes = Vec::new();
        let now = Moment::from_micros(self.now_us);
        let ack = Ack {
            largest: report.largest,
            delay_us: report.delay_us,
            words: &report.words,
            marks: None,
        };
        flow.recovery
            .on_ack(now, &ack, &mut |outcome| outcomes.push(outcome));
        flow.settle(outcomes);
        self.pump(index);
    }

    fn on_timer(&mut self, index: usize) {
        let now = Moment::from_micros(self.now_us);
        let flow = &mut self.flows[index];
        if flow.recovery.deadline().is_some_and(|due| due <= now) {
            let mut outcomes = Vec::new();
            let due = flow
                .recovery
                .on_deadline(now, &mut |outcome| outcomes.push(outcome));
            flow.settle(outcomes);
            if due == Due::Probe {
                for _ in 0..2 {
                    let flow = &mut self.flows[index];
                    let oldest = flow.waiting.first().copied();
                    let fragment = flow.next().or(oldest).expect("something is in flight");
                    self.send(index, fragment);
                }
            }
        }
        self.pump(index);
    }

    fn send(&mut self, index: usize, fragment: u32) {
        let flow = &mut self.flows[index];
        let bytes = flow.plan.config.datagram_bytes;
        let now = Moment::from_micros(self.now_us);
        let number = flow.recovery.on_sent(now, bytes, Kind::Eliciting, fragment);
        flow.waiting.insert(fragment);
        flow.packets += 1;
        for at_us in self.there.carry(self.now_us, bytes, &mut self.random) {
            self.at(at_us, Event::Data(index, number, fragment));
        }
    }

    fn pump(&mut self, index: usize) {
        let now = Moment::from_micros(self.now_us);
        let mut wake: Option<Moment> = None;
        if self.tracing {
            let flow = &mut self.flows[index];
            let line = format!(
                "{:9.3} ms in flight {:7} window {:7} rate {:6.1} {:?}",
                self.now_us as f64 / 1e3,
                flow.recovery.in_flight_bytes(),
                flow.recovery.window_bytes(),
                flow.recovery.rate_bps() as f64 / 1e6,
                flow.recovery.congestion.describe(),
            );
            flow.trace.push(line);
        }
        'out: loop {
            match self.flows[index].recovery.permit(now) {
                Permit::Now { bytes } => {
                    let datagram = self.flows[index].plan.config.datagram_bytes;
                    for _ in 0..(bytes / datagram).max(1) {
                        let Some(fragment) = self.flows[index].next() else {
                            self.flows[index].recovery.app_limited(now);
                            break 'out;
                        };
                        self.send(index, fragment);
                    }
                }
                Permit::At(at) => {
                    assert!(at > now, "a wait ends later");
                    wake = Some(at);
                    break;
                }
                Permit::Blocked => break,
            }
        }
        let flow = &mut self.flows[index];
        if flow.recovery.in_flight_bytes() > 0 {
            let deadline = flow.recovery.deadline();
            assert!(deadline.is_some(), "a deadline while anything is in flight");
        }
        let due = flow.recovery.deadline();
        let due = due.into_iter().chain(wake).min();
        if let Some(due) = due {
            let slack_us = self.random.random_range(0..=self.there.shape.slack_us);
            let due_us = due.as_micros().max(self.now_us);
            flow.wake_us = due_us;
            let due_us = due_us + slack_us;
            self.at(due_us, Event::Wake(index));
        }
    }
}
