//! From the model to the two numbers that BBR decides: the pacing rate and the window
//! ("Updating Control Parameters").

use super::super::AckSample;
use super::{
    Bbr, PACING_MARGIN, Phase, STARTUP_WINDOWS_PER_RTT, WINDOW_EXTRA_S, WINDOW_MIN_DATAGRAMS,
};

impl Bbr {
    /// "SetPacingRate()" with deviation 2.
    pub(super) fn set_pacing(&mut self) {
        let kept = if self.phase.is_slow() {
            1.0
        } else {
            1.0 - self.floor.share()
        };
        let mut rate = self.pacing_gain() * self.bw * PACING_MARGIN / kept;
        if self.phase == Phase::Startup && !self.cautious && self.min_rtt_us != u64::MAX {
            // The samples are a round old while the window doubles: it must be used all the same.
            rate = rate.max(STARTUP_WINDOWS_PER_RTT * self.window * 1e6 / self.min_rtt_us as f64);
        }
        if self.pipe.reached || self.cautious || rate > self.pacing {
            self.pacing = rate;
        }
    }

    /// "SetCwnd()".
    pub(super) fn set_window(&mut self, ack: &AckSample) {
        let acked = ack.acked_bytes as f64;
        let extra = self.bunching.extra().min(self.window) + self.bw * WINDOW_EXTRA_S;
        let gain = if self.cautious {
            Phase::Up.pacing_gain()
        } else {
            self.phase.window_gain()
        };
        let most = self.quantized(gain * self.bdp() + extra);
        if self.pipe.reached || self.cautious {
            self.window = (self.window + acked).min(most);
        } else if self.window < most || (ack.delivered as f64) < self.start_window {
            self.window += acked;
            if self.window < self.train.volume(self.min_rtt_us) {
                self.window += acked;
            }
        }
        let least = WINDOW_MIN_DATAGRAMS * self.datagram;
        self.window = self.window.max(least);
        if self.phase == Phase::ProbeRtt {
            self.window = self.window.min(self.probe_rtt_window());
        }
        let cap = match self.phase {
            Phase::Startup => f64::INFINITY,
            Phase::Cruise | Phase::ProbeRtt => self.inflight_with_headroom(),
            Phase::Drain | Phase::Down | Phase::Refill | Phase::Up => self.inflight_long,
        };
        let cap = cap.min(self.inflight_short).min(self.crowd_cap());
        self.window = self.window.min(cap.max(least));
    }

    /// What the queue that others fill too leaves to us, where it counts.
    pub(super) fn crowd_cap(&self) -> f64 {
        if self.phase == Phase::Cruise {
            self.crowd.cap()
        } else {
            f64::INFINITY
        }
    }

    /// Start-up that meets a queue and a flat rate goes on with the gain of a probe; in company
    /// the window decides, and the rate must let it.
    pub(super) fn pacing_gain(&self) -> f64 {
        if self.cautious || (self.company && self.phase == Phase::Cruise) {
            Phase::Up.pacing_gain()
        } else {
            self.phase.pacing_gain()
        }
    }

    pub(super) fn probe_rtt_window(&self) -> f64 {
        (Phase::ProbeRtt.window_gain() * self.bdp()).max(WINDOW_MIN_DATAGRAMS * self.datagram)
    }
}
