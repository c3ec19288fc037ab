//! Sharing a queue with others while BBR is not probing.

/// A round in which we do not probe.
pub(super) struct CrowdRound {
    /// The queue overflowed.
    pub(super) lossy: bool,
    /// The most delivered in a round trip.
    pub(super) delivered: f64,
    pub(super) bytes_per_s: f64,
    pub(super) min_rtt_us: f64,
    /// The least of the round: what stands, not what varies.
    pub(super) rtt_us: f64,
    pub(super) datagram: f64,
}

/// A queue that stands although we do not probe: others fill it too.
///
/// Everybody who holds a constant volume in a queue gets an equal share of it. Against flows that
/// fill any queue (loss-based ones) this would be giving up; they show themselves by a queue that
/// stands all the same, and then nothing is held back until it is gone.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    cap: f64,
    /// The cap of the rounds that do not drain.
    target: f64,
    drained: bool,
    rounds: u32,
    standing: u32,
    quiet: u32,
    /// Rounds left in which greedy neighbours are assumed.
    greedy: u32,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            cap: f64::INFINITY,
            target: f64::INFINITY,
            drained: false,
            rounds: 0,
            standing: 0,
            quiet: 0,
            greedy: 0,
        }
    }
}

impl Crowd {
    /// What everybody keeps in the queue, in datagrams.
    const KEPT_DATAGRAMS: f64 = 16.0;
    /// And what the own rate brings in this time: threads and bunched acknowledgements need it.
    const KEPT_S: f64 = 1e-3;
    /// Growth per round, in datagrams.
    pub(super) const GROWTH_DATAGRAMS: f64 = 8.0;
    /// A round takes no more than this: a newcomer's start is not the equilibrium.
    const FALL_MAX: f64 = 0.8;
    /// One round of this many drains the queue, so that everybody sees the least round trip.
    const DRAIN_EVERY: u32 = 8;
    /// By so many times our part of the queue, at most to this share.
    const DRAIN_TIMES: f64 = 2.0;
    const DRAIN_MIN: f64 = 0.4;
    /// A queue shorter than this share of the least round trip, or hardly longer than what we
    /// keep in it ourselves, needs no neighbours.
    const QUEUE_SHARE: f64 = 0.125;
    const OWN_SHARE: f64 = 1.25;
    /// A queue is deep above this share of the least round trip.
    const DEEP_SHARE: f64 = 0.5;
    const DEEP_MIN_US: f64 = 5_000.0;
    /// So many points for deep queues and losses mean greedy neighbours, for so many rounds.
    const GREEDY_POINTS: u32 = 10;
    const LOSS_POINTS: u32 = 1;
    const GREEDY_ROUNDS: u32 = 40;
    /// Rounds without a queue after which they are gone.
    const QUIET_ROUNDS: u32 = 8;

    pub(super) const fn cap(&self) -> f64 {
        if self.greedy > 0 {
            f64::INFINITY
        } else {
            self.cap
        }
    }

    /// No queue for a while.
    pub(super) const fn is_quiet(&self) -> bool {
        self.quiet >= Self::QUIET_ROUNDS
    }

    pub(super) const fn is_greedy(&self) -> bool {
        self.greedy > 0
    }

    pub(super) fn update(&mut self, round: &CrowdRound) {
        self.greedy = self.greedy.saturating_sub(1);
        let kept = Self::KEPT_DATAGRAMS * round.datagram + round.bytes_per_s * Self::KEPT_S;
        let kept_us = kept * 1e6 / round.bytes_per_s.max(1.0);
        let own_us = (Self::QUEUE_SHARE * round.min_rtt_us).max(Self::OWN_SHARE * kept_us);
        if round.rtt_us > round.min_rtt_us + own_us {
            self.quiet = 0;
            self.judge_neighbours(round);
            self.share(round, kept);
            return;
        }
        self.standing = 0;
        self.quiet += 1;
        if self.quiet >= Self::QUIET_ROUNDS {
            self.greedy = 0;
            self.rounds = 0;
        }
        self.target += Self::GROWTH_DATAGRAMS * round.datagram;
        self.cap = self.target;
        self.drained = false;
    }

    fn judge_neighbours(&mut self, round: &CrowdRound) {
        let deep = (Self::DEEP_SHARE * round.min_rtt_us).max(Self::DEEP_MIN_US);
        let is_deep = round.rtt_us > round.min_rtt_us + deep;
        if round.lossy {
            self.standing += Self::LOSS_POINTS;
        }
        if is_deep {
            self.standing += 1;
        } else if !round.lossy {
            self.standing = self.standing.saturating_sub(1);
        }
        if self.standing >= Self::GREEDY_POINTS {
            self.standing = 0;
            self.greedy = Self::GREEDY_ROUNDS;
        }
    }

    fn share(&mut self, round: &CrowdRound, kept: f64) {
        let used = if self.drained {
            self.target
        } else {
            round.delivered
        };
        let fair = used * (round.min_rtt_us / round.rtt_us) + kept;
        let fair = if round.lossy { 0.0 } else { fair };
        let most = used + Self::GROWTH_DATAGRAMS * round.datagram;
        self.target = fair.max(Self::FALL_MAX * used).min(most);
        self.drained = self.rounds.is_multiple_of(Self::DRAIN_EVERY);
        self.rounds += 1;
        self.cap = if self.drained {
            let queue_share = 1.0 - round.min_rtt_us / round.rtt_us;
            (1.0 - Self::DRAIN_TIMES * queue_share).max(Self::DRAIN_MIN) * self.target
        } else {
            self.target
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATAGRAM: f64 = 1_472.0;

    /// Two windows on a link of 100 Mbit/s and 20 ms, round by round.
    fn run(mut windows: [f64; 2], rounds: usize) -> [f64; 2] {
        let (rate, least_us) = (12.5e6, 20_000.0);
        let mut crowds = [Crowd::default(), Crowd::default()];
        for _ in 0..rounds {
            let total: f64 = windows.iter().sum();
            let rtt_us = (total / rate * 1e6).max(least_us);
            for (crowd, window) in crowds.iter_mut().zip(&mut windows) {
                crowd.update(&CrowdRound {
                    lossy: false,
                    delivered: *window,
                    bytes_per_s: *window * 1e6 / rtt_us,
                    min_rtt_us: least_us,
                    rtt_us,
                    datagram: DATAGRAM,
                });
                *window = crowd.cap().min(*window + 8.0 * DATAGRAM);
            }
        }
        windows
    }

    #[test]
    fn two_flows_share_equally_within_a_few_dozen_rounds() {
        let mut means = [0.0; 2];
        for extra in 0..16 {
            let windows = run([240_000.0, 40_000.0], 60 + extra);
            means[0] += windows[0];
            means[1] += windows[1];
        }
        let share = means[1] / (means[0] + means[1]);
        assert!((0.44..=0.56).contains(&share), "{share}");
    }

    #[test]
    fn a_queue_that_stays_deep_shows_greedy_neighbours_and_quiet_ends_it() {
        let mut crowd = Crowd::default();
        let mut round = CrowdRound {
            lossy: false,
            delivered: 100_000.0,
            bytes_per_s: 5e6,
            min_rtt_us: 20_000.0,
            rtt_us: 50_000.0,
            datagram: DATAGRAM,
        };
        crowd.update(&round);
        assert!(crowd.cap() < 100_000.0 && !crowd.is_greedy());
        for _ in 0..Crowd::GREEDY_POINTS {
            crowd.update(&round);
        }
        assert!(crowd.is_greedy() && crowd.cap().is_infinite());
        round.rtt_us = 20_000.0;
        for _ in 0..Crowd::QUIET_ROUNDS {
            crowd.update(&round);
        }
        assert!(!crowd.is_greedy() && crowd.is_quiet());
    }

    #[test]
    fn alone_nothing_is_held_back() {
        let mut crowd = Crowd::default();
        for _ in 0..100 {
            crowd.update(&CrowdRound {
                lossy: false,
                delivered: 250_000.0,
                bytes_per_s: 12.5e6,
                min_rtt_us: 20_000.0,
                rtt_us: 21_000.0,
                datagram: DATAGRAM,
            });
        }
        assert!(crowd.cap().is_infinite());
    }
}
