//! The states of BBR and the way through them: start-up, drain, the probing cycle, ProbeRTT.

use super::super::{AckSample, LossSample};
use super::crowd::Crowd;
use super::path::FullPipe;
use super::{BETA, Bbr, LOSS_THRESHOLD, WINDOW_MIN_DATAGRAMS};

/// "BBR.state".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Startup,
    Drain,
    Down,
    Cruise,
    Refill,
    Up,
    ProbeRtt,
}

/// "BBR.ack_phase": what the acknowledgements of now tell about the last probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AckPhase {
    Init,
    Refilling,
    ProbeStarting,
    ProbeFeedback,
    ProbeStopping,
}

/// "BBR.ProbeRTTInterval".
const PROBE_RTT_EVERY_US: u64 = 5_000_000;
/// "BBR.MinRTTFilterLen".
const MIN_RTT_KEPT_US: u64 = 10_000_000;
/// "BBR.ProbeRTTDuration", and deviation 4.
const PROBE_RTT_US: u64 = 200_000;
const PROBE_RTT_ROUNDS: u64 = 10;
/// "Time Scale for Bandwidth Probing": two to three seconds, at most 63 rounds. The draft has no
/// least number of rounds; with a product of a few datagrams it would probe all the time.
const PROBE_WAIT_US: u64 = 2_000_000;
const PROBE_WAIT_SPREAD_US: f64 = 1e6;
const PROBE_ROUNDS_MAX: f64 = 63.0;
const PROBE_ROUNDS_MIN: f64 = 24.0;
/// Rounds of ProbeBW_DOWN before the loss floor is measured (what was sent faster must be
/// acknowledged or declared lost), and after which it is.
const FLOOR_ROUNDS_BEFORE: u32 = 2;
/// Losses of up to so many times the floor were chance.
const VERDICT_TIMES: f64 = 1.25;
/// A queue that so many rounds of ProbeBW_DOWN did not drain is not ours alone. The draft would
/// stay there until the next probe.
const DOWN_ROUNDS_MAX: u32 = 4;
/// Rounds of ProbeBW_UP after which a queue ends it.
const UP_ROUNDS: u32 = 2;

impl Phase {
    pub(super) const fn pacing_gain(self) -> f64 {
        match self {
            Self::Startup => 2.77,
            Self::Drain => 0.5,
            Self::Down => 0.9,
            Self::Up => 1.25,
            Self::Cruise | Self::Refill | Self::ProbeRtt => 1.0,
        }
    }

    pub(super) const fn window_gain(self) -> f64 {
        match self {
            Self::Up => 2.25,
            Self::ProbeRtt => 0.5,
            Self::Startup | Self::Drain | Self::Down | Self::Cruise | Self::Refill => 2.0,
        }
    }

    /// "IsProbingBW()".
    pub(super) const fn is_probing(self) -> bool {
        matches!(self, Self::Startup | Self::Refill | Self::Up)
    }

    /// "IsInAProbeBWState()".
    pub(super) const fn is_probe_bw(self) -> bool {
        matches!(self, Self::Down | Self::Cruise | Self::Refill | Self::Up)
    }

    /// Sends less than the path delivers.
    pub(super) const fn is_slow(self) -> bool {
        matches!(self, Self::Drain | Self::Down | Self::ProbeRtt)
    }
}

impl Bbr {
    /// "CheckStartupDone()", "CheckStartupHighLoss()", "CheckDrainDone()".
    pub(super) fn leave_startup_or_drain(&mut self, ack: &AckSample) {
        if self.phase == Phase::Startup {
            let lost = ack.rate.lost as f64;
            let enough = lost >= Self::STARTUP_LOST_DATAGRAMS * self.datagram;
            // The first flight is a burst of ours: the queue it meets is itself.
            let lossy = enough
                && self.round > 1
                && (self.queue_at(self.latest_rtt_us) || self.pipe.is_flat())
                && self.is_too_high(lost, ack.rate.in_flight as f64);
            if lossy && !self.pipe.reached {
                self.save_for_undo(Some(Phase::Startup));
                self.pipe.reached = true;
                self.rate_unsure = true;
                self.verdict_share = lost / (ack.rate.in_flight as f64).max(1.0);
                self.inflight_long = self.bdp().max(self.inflight_latest);
            }
            if self.pipe.reached {
                self.floor.unmark();
                self.phase = Phase::Drain;
                self.drain_round = self.round;
            }
        }
        if self.phase == Phase::Drain {
            let drained = ack.in_flight as f64 <= self.inflight(1.0);
            if drained || self.round > self.drain_round + 3 {
                self.start_down(ack.now_us, ack.delivered);
            }
        }
    }

    /// Deviation 2, in start-up: while the rate still grows, what is lost is not our doing.
    pub(super) fn measure_floor_in_startup(&mut self, ack: &AckSample, grows: bool) {
        if self.phase != Phase::Startup {
            return;
        }
        if grows && self.is_paced() && !self.queue_in_round() {
            self.floor.measure(ack.delivered, ack.lost, self.datagram);
        } else {
            self.floor.mark(ack.delivered, ack.lost);
        }
    }

    /// "UpdateProbeBWCyclePhase()".
    pub(super) fn walk_cycle(&mut self, ack: &AckSample) {
        if !self.pipe.reached || self.adapt_long_term(ack) {
            return;
        }
        match self.phase {
            Phase::Down => {
                if self.measure_floor_in_down(ack) {
                    self.take_back(ack.delivered);
                } else if self.is_floor_known() && self.is_time_to_probe(ack.now_us) {
                    self.start_refill(ack.delivered);
                } else if self.is_time_to_cruise(ack) {
                    self.start_cruise();
                }
            }
            Phase::Cruise => {
                if self.is_time_to_probe(ack.now_us) {
                    self.start_refill(ack.delivered);
                }
            }
            Phase::Refill => {
                if self.round_start {
                    self.probe_samples = true;
                    self.start_up(ack);
                }
            }
            Phase::Up => {
                if self.is_time_to_go_down(ack) {
                    self.probe_too_high = false;
                    self.start_down(ack.now_us, ack.delivered);
                }
            }
            Phase::Startup | Phase::Drain | Phase::ProbeRtt => {}
        }
    }

    /// Deviation 2, in the cycle. Whether the floor explains the losses that were last held for
    /// congestion.
    fn measure_floor_in_down(&mut self, ack: &AckSample) -> bool {
        if !self.round_start {
            return false;
        }
        self.rounds_in_down += 1;
        if self.rounds_in_down < FLOOR_ROUNDS_BEFORE || !self.is_paced() {
            self.floor.unmark();
            return false;
        }
        if self.queue_in_round() {
            self.floor.bound(ack.delivered, ack.lost);
            return false;
        }
        self.floor.measure(ack.delivered, ack.lost, self.datagram);
        let floor = self.floor.share();
        floor > LOSS_THRESHOLD
            && self.verdict_share > 0.0
            && self.verdict_share < VERDICT_TIMES * floor + LOSS_THRESHOLD
    }

    /// It was chance, not congestion: the bound it set falls, and the search goes on.
    fn take_back(&mut self, delivered: u64) {
        self.verdict_share = 0.0;
        self.probe_too_high = false;
        self.inflight_long = f64::INFINITY;
        self.reset_short_term();
        if self.rate_unsure {
            self.rate_unsure = false;
            self.pipe = FullPipe::default();
            self.phase = Phase::Startup;
            self.start_round(delivered);
        } else {
            self.start_refill(delivered);
        }
    }

    fn is_floor_known(&self) -> bool {
        !self.lossy_cycle || self.rounds_in_down > FLOOR_ROUNDS_BEFORE
    }

    fn is_time_to_cruise(&self, ack: &AckSample) -> bool {
        let in_flight = ack.in_flight as f64;
        let drained = in_flight <= self.inflight_with_headroom() && in_flight <= self.inflight(1.0);
        (self.is_floor_known() && drained) || self.rounds_in_down >= DOWN_ROUNDS_MAX
    }

    fn is_time_to_probe(&self, now_us: u64) -> bool {
        let rounds = self.target_inflight() / self.datagram;
        let rounds = rounds.clamp(PROBE_ROUNDS_MIN, PROBE_ROUNDS_MAX);
        now_us > self.cycle_began_us + self.probe_wait_us
            || self.rounds_since_probe as f64 >= rounds
    }

    fn is_time_to_go_down(&mut self, ack: &AckSample) -> bool {
        if self.probe_too_high && ack.in_flight as f64 >= self.inflight_long {
            self.probe_precautionary = true;
            return true;
        }
        if ack.window_limited && self.window >= self.inflight_long {
            self.pipe.reset(ack.rate.bytes_per_s);
        } else if self.pipe.now {
            return true;
        }
        // Deviation 6: a queue that we alone do not explain belongs to neighbours like us.
        self.rounds_in_up += u32::from(self.round_start);
        self.rounds_in_up >= UP_ROUNDS && !self.crowd.is_greedy() && self.queue_in_round()
    }

    fn start_round(&mut self, delivered: u64) {
        self.next_round_delivered = delivered;
    }

    fn start_down(&mut self, now_us: u64, delivered: u64) {
        self.reset_signals();
        self.up_acked_per_step = f64::INFINITY;
        self.rounds_since_probe = u64::from(self.random_share() >= 0.5);
        if self.rate_unsure {
            // Losses ended the search before the rate was flat: search again soon.
            self.rounds_since_probe = PROBE_ROUNDS_MAX as u64;
        }
        let spread_us = self.random_share() * PROBE_WAIT_SPREAD_US;
        self.probe_wait_us = PROBE_WAIT_US + spread_us as u64;
        self.cycle_began_us = now_us;
        self.ack_phase = AckPhase::ProbeStopping;
        self.rounds_in_down = 0;
        self.floor.unmark();
        self.start_round(delivered);
        self.phase = Phase::Down;
    }

    fn start_cruise(&mut self) {
        self.rounds_in_cruise = 0;
        self.phase = Phase::Cruise;
    }

    pub(super) fn start_refill(&mut self, delivered: u64) {
        self.rate_unsure = false;
        self.reset_short_term();
        self.undo = None;
        self.lossy_cycle = false;
        self.up_rounds = 0;
        self.up_acked = 0.0;
        self.probe_precautionary = false;
        self.ack_phase = AckPhase::Refilling;
        self.start_round(delivered);
        self.phase = Phase::Refill;
    }

    fn start_up(&mut self, ack: &AckSample) {
        self.ack_phase = AckPhase::ProbeStarting;
        self.start_round(ack.delivered);
        self.pipe.reset(ack.rate.bytes_per_s);
        self.rounds_in_up = 0;
        self.phase = Phase::Up;
        self.raise_slope();
    }

    fn raise_slope(&mut self) {
        let growth = (1_u64 << self.up_rounds) as f64;
        self.up_rounds = (self.up_rounds + 1).min(30);
        self.up_acked_per_step = (self.window / growth).max(self.datagram);
    }

    /// "AdaptLongTermModel()": whether it decided a transition.
    fn adapt_long_term(&mut self, ack: &AckSample) -> bool {
        if self.ack_phase == AckPhase::ProbeStarting && self.round_start {
            self.ack_phase = AckPhase::ProbeFeedback;
        }
        if self.ack_phase == AckPhase::ProbeStopping && self.round_start {
            self.probe_samples = false;
            self.ack_phase = AckPhase::Init;
            if self.phase.is_probe_bw() && !ack.rate.app_limited {
                self.max_bw.advance();
            }
            if self.phase.is_probe_bw() && self.probe_precautionary && !self.probe_too_high {
                self.start_refill(ack.delivered);
                return true;
            }
        }
        let in_flight = ack.rate.in_flight as f64;
        if self.is_too_high(ack.rate.lost as f64, in_flight) || self.inflight_long.is_infinite() {
            return false;
        }
        self.inflight_long = self.inflight_long.max(in_flight);
        if self.phase == Phase::Up {
            self.probe_upward(ack);
        }
        false
    }

    /// "ProbeInflightLongtermUpward()".
    fn probe_upward(&mut self, ack: &AckSample) {
        if !ack.window_limited || self.window < self.inflight_long {
            return;
        }
        self.up_acked += ack.acked_bytes as f64;
        if self.up_acked >= self.up_acked_per_step {
            let steps = (self.up_acked / self.up_acked_per_step).floor();
            self.up_acked -= steps * self.up_acked_per_step;
            self.inflight_long += steps * self.datagram;
        }
        if self.round_start {
            self.raise_slope();
        }
    }

    /// "HandleInflightTooHigh()": `in_flight` is where the losses crossed the threshold, `share`
    /// what was lost.
    pub(super) fn on_too_high(
        &mut self,
        now_us: u64,
        in_flight: f64,
        share: f64,
        loss: &LossSample,
    ) {
        self.probe_too_high = true;
        self.probe_samples = false;
        self.verdict_share = share;
        if !loss.snapshot.app_limited {
            self.inflight_long = in_flight.max(self.target_inflight() * BETA);
        }
        if self.phase == Phase::Up {
            self.save_for_undo(Some(Phase::Up));
            self.start_down(now_us, loss.delivered);
        }
    }

    /// "UpdateMinRTT()".
    pub(super) fn update_min_rtt(&mut self, ack: &AckSample) {
        let now_us = ack.now_us;
        self.probe_rtt_expired = now_us > self.probe_rtt_min_at_us + PROBE_RTT_EVERY_US;
        if let Some(rtt_us) = ack.rtt_us
            && (rtt_us < self.probe_rtt_min_us || self.probe_rtt_expired)
        {
            self.probe_rtt_min_us = rtt_us;
            self.probe_rtt_min_at_us = now_us;
        }
        let expired = now_us > self.min_rtt_at_us + MIN_RTT_KEPT_US;
        if self.probe_rtt_min_us < self.min_rtt_us || expired {
            self.min_rtt_us = self.probe_rtt_min_us;
            self.min_rtt_at_us = self.probe_rtt_min_at_us;
        }
    }

    /// "CheckProbeRTT()" and "HandleProbeRTT()".
    pub(super) fn check_probe_rtt(&mut self, ack: &AckSample) {
        let is_detour = self.phase.is_probe_bw() && self.detour.is_suspected(ack.now_us);
        let is_due = self.probe_rtt_expired || is_detour;
        if self.phase != Phase::ProbeRtt && is_due && !self.idle_restart {
            self.detour.begin();
            self.phase = Phase::ProbeRtt;
            self.prior_window = self.prior_window.max(self.window);
            self.probe_rtt_done_us = None;
            self.ack_phase = AckPhase::ProbeStopping;
            self.start_round(ack.delivered);
        }
        if self.phase == Phase::ProbeRtt {
            if self.probe_rtt_done_us.is_none() {
                if ack.in_flight as f64 <= self.probe_rtt_window() {
                    let rounds_us = PROBE_RTT_ROUNDS * ack.smoothed_us;
                    self.probe_rtt_done_us = Some(ack.now_us + PROBE_RTT_US.min(rounds_us));
                    self.probe_rtt_round_done = false;
                    self.start_round(ack.delivered);
                }
            } else {
                if let Some(rtt_us) = ack.rtt_us {
                    self.detour.sample(rtt_us);
                }
                self.probe_rtt_round_done |= self.round_start;
                if self.probe_rtt_round_done {
                    self.leave_probe_rtt_if_done(ack.now_us, ack.delivered);
                }
            }
        }
        if ack.rate.delivered > 0 {
            self.idle_restart = false;
        }
    }

    /// "CheckProbeRTTDone()" and "ExitProbeRTT()".
    pub(super) fn leave_probe_rtt_if_done(&mut self, now_us: u64, delivered: u64) {
        if self
            .probe_rtt_done_us
            .is_none_or(|done_us| now_us <= done_us)
        {
            return;
        }
        self.probe_rtt_min_at_us = now_us;
        self.window = self.window.max(self.prior_window);
        self.prior_window = WINDOW_MIN_DATAGRAMS * self.datagram;
        self.reset_short_term();
        if !self.pipe.reached {
            self.phase = Phase::Startup;
            return;
        }
        self.start_down(now_us, delivered);
        match self.detour.end(now_us, self.min_rtt_us) {
            None => self.start_cruise(),
            Some(rtt_us) => self.begin_detour(now_us, rtt_us, delivered),
        }
    }

    /// The path is another one: what was learned of its volume is void, its rate is the best guess.
    fn begin_detour(&mut self, now_us: u64, rtt_us: u64, delivered: u64) {
        self.min_rtt_us = rtt_us;
        self.min_rtt_at_us = now_us;
        self.probe_rtt_min_us = rtt_us;
        self.inflight_long = f64::INFINITY;
        self.verdict_share = 0.0;
        self.probe_too_high = false;
        self.crowd = Crowd::default();
        self.start_refill(delivered);
    }
}
