//! What a link is like, in words: `--rate 100mbit --delay 10ms --loss 1%`.

use clap::Args;

use crate::sim::link::{Config, ConfigError, Loss, Queue};

/// What both directions of a link are like. Without a word it is perfect.
#[derive(Clone, Debug, Args)]
pub struct Terms {
    /// Bits per second that pass: 100mbit, 1gbit, 64kbit [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<u64>,
    /// Time on the way, one way: 10ms, 500us, 1s
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "0ms")]
    delay: u64,
    /// Up to so much more for each datagram, in order
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "0ms")]
    jitter: u64,
    /// Share that is lost: 1%
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0%")]
    loss: f64,
    /// How many are lost in a row, on average
    #[arg(long, value_name = "COUNT", default_value_t = 1.0)]
    burst: f64,
    /// Share that is doubled: 1%
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0%")]
    duplicate: f64,
    /// Share that is late and overtaken: 5%
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0%")]
    reorder: f64,
    /// How late those are
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "5ms")]
    late: u64,
    /// What waits before the bottleneck, the rest is dropped: 40ms, 64kb
    #[arg(long, value_name = "SIZE", value_parser = queue, default_value = "40ms")]
    queue: Queue,
    /// Largest IP packet in bytes that passes
    #[arg(long, value_name = "BYTES", default_value_t = 65_535)]
    mtu: usize,
}

impl Terms {
    /// The link they describe.
    ///
    /// # Errors
    /// If a link cannot be like that.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let config = Config {
            rate: self.rate,
            delay_us: self.delay,
            jitter_us: self.jitter,
            loss: Loss::bursts(self.loss, self.burst),
            duplication: self.duplicate,
            reordering: self.reorder,
            late_us: self.late,
            queue: self.queue,
            mtu_bytes: self.mtu,
        };
        config.check().map(|()| config)
    }
}

/// A number before its unit, times what the unit stands for.
fn measured(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let at = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at(at);
    let (_, times) = units.iter().find(|(name, _)| *name == unit)?;
    Some(number.parse::<f64>().ok()? * times)
}

fn rate(text: &str) -> Result<u64, String> {
    let units = [("bit", 1.0), ("kbit", 1e3), ("mbit", 1e6), ("gbit", 1e9)];
    let rate = measured(&text.to_ascii_lowercase(), &units);
    rate.map(|rate| rate.round() as u64)
        .ok_or_else(|| "a rate is like 100mbit, 1.5gbit or 64kbit".into())
}

fn time(text: &str) -> Result<u64, String> {
    let time = measured(text, &[("us", 1.0), ("ms", 1e3), ("s", 1e6)]);
    time.map(|time| time.round() as u64)
        .ok_or_else(|| "a time is like 10ms, 500us or 1s".into())
}

fn share(text: &str) -> Result<f64, String> {
    measured(text, &[("%", 0.01)])
        .filter(|share| *share <= 1.0)
        .ok_or_else(|| "a share is like 1% or 0.5%".into())
}

fn queue(text: &str) -> Result<Queue, String> {
    let bytes = measured(text, &[("b", 1.0), ("kb", 1e3), ("mb", 1e6)]);
    if let Some(bytes) = bytes {
        return Ok(Queue::Bytes(bytes.round() as u64));
    }
    time(text)
        .map(Queue::Micros)
        .map_err(|_| "a queue is like 40ms or 64kb".into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        terms: Terms,
    }

    fn read(text: &str) -> Option<Config> {
        let line = Line::try_parse_from(std::iter::once("link").chain(text.split_whitespace()));
        line.ok()?.terms.config().ok()
    }

    #[test]
    fn without_a_word_the_link_is_perfect() {
        let config = read("").expect("reads");
        let perfect = Config {
            late_us: config.late_us,
            queue: config.queue,
            mtu_bytes: 65_535,
            ..Config::PERFECT
        };
        assert_eq!(config, perfect);
    }

    #[test]
    fn words_become_numbers() {
        let text = "--rate 1.5gbit --delay 10ms --jitter 500us --loss 1% --burst 4 --duplicate 2%
            --reorder 5% --late 1s --queue 64kb --mtu 1500";
        let config = Config {
            rate: Some(1_500_000_000),
            delay_us: 10_000,
            jitter_us: 500,
            loss: Loss::bursts(0.01, 4.0),
            duplication: 0.02,
            reordering: 0.05,
            late_us: 1_000_000,
            queue: Queue::Bytes(64_000),
            mtu_bytes: 1_500,
        };
        assert_eq!(read(text), Some(config));
        assert_eq!(
            read("--queue 5ms").expect("reads").queue,
            Queue::Micros(5_000)
        );
    }

    #[test]
    fn words_that_mean_nothing_are_refused() {
        let bad = [
            "--rate 100",
            "--rate mbit",
            "--rate 0bit",
            "--delay 10",
            "--delay -1ms",
            "--loss 0.1",
            "--loss 101%",
            "--queue 5",
            "--queue 5gb",
            "--mtu 0",
            "--delay 61s",
            "--rate 1.2.3mbit",
        ];
        for text in bad {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
