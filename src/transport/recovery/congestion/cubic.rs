//! CUBIC, after RFC 9438: the window grows by the cube of the time since the last loss.
//!
//! Kept to compare with and as a model of the neighbours that we share links with. One reduction
//! per round trip; slow start without HyStart++; paced a little above the window per round trip.

use super::{AckSample, Congestion, LossSample, Start};

/// RFC 9438, section 4.2: the scale of the cube, in datagrams per cubic second.
const SCALE: f64 = 0.4;
/// RFC 9438, section 4.6: what is left of the window after a loss.
const BETA: f64 = 0.7;
const WINDOW_MIN_DATAGRAMS: f64 = 2.0;

/// The state of the algorithm. Windows are in bytes.
#[derive(Debug)]
pub(super) struct Cubic {
    datagram: f64,
    window: f64,
    threshold: f64,
    /// The window before the last reduction.
    window_max: f64,
    /// When the present growth began, or none while it has not.
    epoch_us: Option<u64>,
    /// Seconds until the cube is back at `window_max`.
    back_s: f64,
    /// What Reno would have reached (section 4.3).
    reno: f64,
    /// Losses of packets that left before this are the same event.
    recovery_us: Option<u64>,
    smoothed_us: u64,
    bandwidth: f64,
}

impl Cubic {
    pub(super) fn new(start: &Start) -> Self {
        Self {
            datagram: start.datagram_bytes as f64,
            window: start.window_bytes as f64,
            threshold: f64::INFINITY,
            window_max: 0.0,
            epoch_us: None,
            back_s: 0.0,
            reno: 0.0,
            recovery_us: None,
            smoothed_us: start.rtt_us,
            bandwidth: 0.0,
        }
    }

    fn reduce(&mut self, now_us: u64) {
        self.recovery_us = Some(now_us);
        self.epoch_us = None;
        // Section 4.7: release room faster when the path has become narrower.
        self.window_max = if self.window < self.window_max {
            self.window * (1.0 + BETA) / 2.0
        } else {
            self.window
        };
        self.window = (self.window * BETA).max(WINDOW_MIN_DATAGRAMS * self.datagram);
        self.threshold = self.window;
    }

    fn grow(&mut self, ack: &AckSample) {
        let acked = ack.acked_bytes as f64;
        if self.window < self.threshold {
            self.window += acked;
            return;
        }
        let epoch_us = *self.epoch_us.get_or_insert_with(|| {
            let below = ((self.window_max - self.window) / self.datagram).max(0.0);
            self.back_s = (below / SCALE).cbrt();
            self.window_max = self.window_max.max(self.window);
            self.reno = self.window;
            ack.now_us
        });
        let elapsed_s = (ack.now_us.saturating_sub(epoch_us) + ack.smoothed_us) as f64 / 1e6;
        let cube = SCALE * (elapsed_s - self.back_s).powi(3) * self.datagram + self.window_max;
        let alpha = if self.reno < self.window_max {
            3.0 * (1.0 - BETA) / (1.0 + BETA)
        } else {
            1.0
        };
        self.reno += alpha * self.datagram * acked / self.window;
        let target = cube.clamp(self.window, 1.5 * self.window);
        self.window += (target - self.window) * acked / self.window;
        self.window = self.window.max(self.reno);
    }
}

impl Congestion for Cubic {
    fn on_sent(&mut self, _now_us: u64, _idle: bool, _delivered: u64) {}

    fn on_lost(&mut self, loss: &LossSample) {
        if self
            .recovery_us
            .is_none_or(|since_us| loss.sent_at_us > since_us)
        {
            self.reduce(loss.now_us);
        }
    }

    fn on_ack(&mut self, ack: &AckSample) {
        self.smoothed_us = ack.smoothed_us;
        if ack.rate.bytes_per_s > 0.0 && !ack.rate.app_limited {
            self.bandwidth = ack.rate.bytes_per_s;
        }
        let recovering = self
            .recovery_us
            .is_some_and(|since_us| ack.newest_sent_at_us <= since_us);
        if ack.window_limited && !recovering {
            self.grow(ack);
        }
    }

    fn on_spurious(&mut self) {}

    fn on_marked(&mut self, now_us: u64) {
        let since_us = self.recovery_us.unwrap_or(0);
        if self.recovery_us.is_none() || now_us > since_us + self.smoothed_us {
            self.reduce(now_us);
        }
    }

    fn on_persistent(&mut self) {
        self.threshold = (self.window * BETA).max(WINDOW_MIN_DATAGRAMS * self.datagram);
        self.window = WINDOW_MIN_DATAGRAMS * self.datagram;
        self.epoch_us = None;
    }

    fn set_datagram_bytes(&mut self, bytes: u64) {
        self.datagram = bytes as f64;
        self.window = self.window.max(WINDOW_MIN_DATAGRAMS * self.datagram);
    }

    fn window_bytes(&self) -> u64 {
        self.window as u64
    }

    fn pacing_bytes_per_s(&self) -> f64 {
        let gain = if self.window < self.threshold {
            2.0
        } else {
            1.25
        };
        gain * self.window * 1e6 / self.smoothed_us.max(1) as f64
    }

    fn bandwidth_bytes_per_s(&self) -> f64 {
        self.bandwidth
    }

    fn holds_back(&self) -> bool {
        false
    }

    #[cfg(test)]
    fn describe(&self) -> String {
        format!("threshold {:.0} max {:.0}", self.threshold, self.window_max)
    }
}
