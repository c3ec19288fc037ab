//! What the acknowledgements of a round trip say about congestion, and the bounds that follow
//! while BBR is not probing.

use super::super::AckSample;
use super::crowd::{Crowd, CrowdRound};
use super::{BETA, Bbr, DELIVERED_SHARE, LOSS_THRESHOLD, Phase, QUEUE_SHARE, RoundRtt};

/// A queue shorter than this may come from our own bursts and bunched acknowledgements.
const COMPANY_QUEUE_MIN_US: u64 = 2_000;

impl Bbr {
    /// "UpdateRound()".
    fn update_round(&mut self, ack: &AckSample) {
        self.round_start = ack.rate.prior_delivered >= self.next_round_delivered;
        if self.round_start {
            self.next_round_delivered = ack.delivered;
            self.round += 1;
            self.rounds_since_probe += 1;
        }
    }

    /// "UpdateLatestDeliverySignals()" and "UpdateCongestionSignals()".
    pub(super) fn update_signals(&mut self, ack: &AckSample) {
        let rate = &ack.rate;
        self.bw_latest = self.bw_latest.max(rate.bytes_per_s);
        self.inflight_latest = self.inflight_latest.max(rate.delivered as f64);
        self.loss_round_start = rate.prior_delivered >= self.loss_round_delivered;
        if self.loss_round_start {
            self.loss_round_delivered = ack.delivered;
        }
        self.update_round(ack);
        if rate.bytes_per_s > 0.0 && (rate.bytes_per_s >= self.max_bw.max() || !rate.app_limited) {
            self.max_bw.update(rate.bytes_per_s);
        }
        if self.loss_round_start {
            self.adapt_lower_bounds(ack);
            self.adapt_to_crowd(ack);
            if self.round_rtt.samples > 0 {
                self.detour
                    .on_round(self.round_rtt.least_us, self.min_rtt_us);
            }
            self.loss_in_round = false;
            self.marked = false;
            self.lost_at_round = ack.lost;
            self.delivered_at_round = ack.delivered;
            self.round_rtt = RoundRtt::default();
        }
        if let Some(rtt_us) = ack.rtt_us {
            self.latest_rtt_us = rtt_us;
            self.round_rtt.add(rtt_us);
        }
    }

    /// What was lost in the present round beyond the floor, as a share of what was sent.
    fn lost_beyond_floor(&self, ack: &AckSample) -> f64 {
        let lost = ack.lost.saturating_sub(self.lost_at_round) as f64;
        let sent = ack.delivered.saturating_sub(self.delivered_at_round) as f64 + lost;
        lost / sent.max(1.0) - 1.25 * self.floor.share()
    }

    /// "AdaptLowerBoundsFromCongestion()" with deviation 1: only for loss beyond the floor, from
    /// a queue, and when less is delivered than sent.
    fn adapt_lower_bounds(&mut self, ack: &AckSample) {
        if !(self.loss_in_round || self.marked) || self.phase.is_probing() {
            return;
        }
        let lost = self.lost_beyond_floor(ack);
        let slower = self.bw_latest < DELIVERED_SHARE * self.sent_bytes_per_s();
        let crowded = self.marked || (lost > 0.0 && slower && self.queue_in_round());
        // Without pacing the window alone overflows a short queue, at full rate.
        let burst = !self.is_paced() && lost > LOSS_THRESHOLD;
        if crowded {
            self.bw_short = self.bw_short.min(self.max_bw.max());
            self.bw_short = self.bw_latest.max(BETA * self.bw_short);
        }
        if crowded || burst {
            let least = self.inflight_latest;
            self.inflight_short = least.max(BETA * self.inflight_short.min(self.window));
        }
    }

    /// What left in the present round at most: as the pacer or as the window let it.
    fn sent_bytes_per_s(&self) -> f64 {
        let rtt_us = self.round_rtt.mean_us().max(1) as f64;
        let by_window = self.window * 1e6 / rtt_us;
        by_window.min(self.phase.pacing_gain() * self.bw)
    }

    /// Deviation 6.
    fn adapt_to_crowd(&mut self, ack: &AckSample) {
        if self.phase != Phase::Cruise || self.round_rtt.samples == 0 {
            self.company = false;
            return;
        }
        // The round that began before this state met a queue of our own.
        self.rounds_in_cruise += 1;
        if self.rounds_in_cruise == 1 {
            return;
        }
        let queue = self.queue_in_round();
        let lossy = queue && self.loss_in_round && self.lost_beyond_floor(ack) > 0.0;
        let was_greedy = self.crowd.is_greedy();
        self.crowd.update(&CrowdRound {
            lossy,
            delivered: self.inflight_latest,
            bytes_per_s: self.bw_latest,
            min_rtt_us: self.min_rtt_us as f64,
            rtt_us: self.round_rtt.least_us as f64,
            datagram: self.datagram,
        });
        let standing_us = self.round_rtt.least_us.saturating_sub(self.min_rtt_us);
        let stands = standing_us > (self.min_rtt_us / QUEUE_SHARE).max(COMPANY_QUEUE_MIN_US);
        self.company = stands && !lossy && !self.crowd.is_greedy();
        if self.company {
            let reached = self.window + self.datagram;
            let growth = Crowd::GROWTH_DATAGRAMS * self.datagram;
            if reached >= self.inflight_with_headroom() {
                self.inflight_long += growth;
            }
            if reached >= self.inflight_short {
                self.inflight_short += growth;
            }
        }
        let held_back = self.bw_short.is_finite() || self.inflight_short.is_finite();
        let turned_greedy = self.crowd.is_greedy() && !was_greedy;
        let left_alone = held_back && self.crowd.is_quiet();
        if turned_greedy || left_alone {
            self.start_refill(ack.delivered);
        }
    }

    pub(super) fn reset_short_term(&mut self) {
        self.bw_short = f64::INFINITY;
        self.inflight_short = f64::INFINITY;
    }

    pub(super) fn reset_signals(&mut self) {
        self.loss_in_round = false;
        self.bw_latest = 0.0;
        self.inflight_latest = 0.0;
    }
}
