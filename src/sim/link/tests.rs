use proptest::prelude::*;

use super::*;

const FAST: Config = Config {
    rate: Some(100_000_000),
    delay_us: 10_000,
    mtu_bytes: 1_500,
    queue: Queue::Micros(40_000),
    ..Config::PERFECT
};

fn link(config: Config, seed: u64) -> Link {
    Link::new(config, seed).expect("a good configuration")
}

fn at(micros: u64) -> Moment {
    Moment::from_micros(micros)
}

/// Pushes packets of 1,000 bytes a millisecond apart and tells which arrive.
fn fates(config: Config, seed: u64, packets: u64) -> Vec<bool> {
    let mut link = link(config, seed);
    (0..packets)
        .map(|number| !link.push(at(number * 1_000), 1_000).as_slice().is_empty())
        .collect()
}

fn runs_of_loss(fates: &[bool]) -> (f64, f64) {
    let lost = fates.iter().filter(|arrives| !**arrives).count() as f64;
    let ends = fates.windows(2).filter(|two| !two[0] && two[1]).count() as f64;
    (lost / fates.len() as f64, lost / ends)
}

#[test]
fn a_packet_takes_its_bits_at_the_rate_and_the_way() {
    let mut link = link(FAST, 1);
    // 1,250 bytes at 100 Mbit/s: 100 us each.
    assert_eq!(link.push(at(50), 1_250).as_slice(), [at(10_150)]);
    assert_eq!(link.push(at(50), 1_250).as_slice(), [at(10_250)]);
    assert_eq!(link.wait(at(50)), Duration::from_micros(200));
    assert_eq!(link.push(at(9_000), 1_250).as_slice(), [at(19_100)]);
}

#[test]
fn a_rate_far_beyond_a_packet_a_microsecond_is_kept() {
    let mut link = link(
        Config {
            rate: Some(100_000_000_000),
            queue: Queue::Bytes(u64::MAX),
            ..FAST
        },
        1,
    );
    let last = (0..100_000).map(|_| link.push(at(0), 1_250)).last();
    // 100,000 packets of 100 ns.
    assert_eq!(last.expect("was pushed").as_slice(), [at(20_000)]);
}

#[test]
fn the_queue_takes_what_fits_and_not_one_more() {
    for (queue, room) in [(Queue::Micros(1_000), 10), (Queue::Bytes(12_500), 10)] {
        let mut link = link(Config { queue, ..FAST }, 1);
        for number in 0..room {
            assert_eq!(
                link.push(at(0), 1_250).as_slice().len(),
                1,
                "{queue:?} {number}"
            );
        }
        assert!(link.push(at(0), 1_250).as_slice().is_empty(), "{queue:?}");
        assert_eq!(link.counts().dropped, 1);
        // One has passed.
        assert_eq!(link.push(at(100), 1_250).as_slice().len(), 1);
        assert!((link.counts().dropped_share() - 1.0 / 12.0).abs() < 1e-9);
    }
}

#[test]
fn an_empty_queue_takes_any_packet() {
    let queue = Queue::Bytes(0);
    let mut link = link(Config { queue, ..FAST }, 1);
    assert_eq!(link.push(at(0), 1_250).as_slice().len(), 1);
    assert!(link.push(at(99), 1_250).as_slice().is_empty());
    assert_eq!(link.push(at(100), 1_250).as_slice().len(), 1);
}

#[test]
fn a_packet_over_the_limit_of_size_vanishes() {
    let mut link = link(FAST, 1);
    assert_eq!(link.push(at(0), 1_500).as_slice().len(), 1);
    assert!(link.push(at(0), 1_501).as_slice().is_empty());
    assert_eq!(link.counts().too_long, 1);
}

#[test]
fn what_is_lost_takes_no_capacity_and_duplicates_do() {
    let mut losing = link(
        Config {
            loss: Loss::Independent(1.0),
            ..FAST
        },
        1,
    );
    assert!(losing.push(at(0), 1_250).as_slice().is_empty());
    assert_eq!(losing.wait(at(0)), Duration::ZERO);
    let mut doubling = link(
        Config {
            duplication: 1.0,
            ..FAST
        },
        1,
    );
    assert_eq!(
        doubling.push(at(0), 1_250).as_slice(),
        [at(10_100), at(10_200)]
    );
}

#[test]
fn independent_loss_has_its_share() {
    let loss = Loss::Independent(0.05);
    let (share, run) = runs_of_loss(&fates(Config { loss, ..FAST }, 7, 100_000));
    assert!((share - 0.05).abs() < 0.004, "{share}");
    assert!((run - 1.0 / 0.95).abs() < 0.05, "{run}");
}

#[test]
fn loss_in_bursts_has_its_share_and_its_runs() {
    let loss = Loss::bursts(0.05, 8.0);
    let (share, run) = runs_of_loss(&fates(Config { loss, ..FAST }, 7, 400_000));
    assert!((share - 0.05).abs() < 0.005, "{share}");
    assert!((run - 8.0).abs() < 0.6, "{run}");
    assert_eq!(Loss::bursts(0.05, 1.0), Loss::Independent(0.05));
    assert_eq!(Loss::bursts(0.0, 8.0), Loss::Never);
    assert_eq!(Loss::bursts(1.0, 8.0), Loss::Independent(1.0));
}

#[test]
fn the_late_are_overtaken_and_have_their_share() {
    let config = Config {
        reordering: 0.05,
        late_us: 5_000,
        ..FAST
    };
    let mut link = link(config, 3);
    let mut overtaken = 0;
    let mut furthest = Moment::START;
    for number in 0..20_000 {
        for arrival in link.push(at(number * 200), 1_250) {
            overtaken += u32::from(arrival < furthest);
            furthest = furthest.max(arrival);
        }
    }
    let late = link.counts().late as f64 / 20_000.0;
    assert!((late - 0.05).abs() < 0.01, "{late}");
    // Those between a late packet and its lateness overtake it, unless they are late themselves.
    assert!(overtaken > 600, "{overtaken}");
}

#[test]
fn what_a_link_cannot_be_like_is_refused() {
    let refused = |change: fn(&mut Config)| {
        let mut config = FAST;
        change(&mut config);
        Link::new(config, 0).err()
    };
    type Change = fn(&mut Config);
    let bad: [(ConfigError, Change); 8] = [
        (ConfigError::Rate, |link| link.rate = Some(0)),
        (ConfigError::Rate, |link| link.rate = Some(RATE_MAX + 1)),
        (ConfigError::Time, |link| link.delay_us = TIME_MAX_US + 1),
        (ConfigError::Time, |link| {
            link.queue = Queue::Micros(TIME_MAX_US + 1);
        }),
        (ConfigError::Share, |link| link.duplication = 1.01),
        (ConfigError::Share, |link| link.reordering = f64::NAN),
        (ConfigError::Share, |link| {
            link.loss = Loss::Independent(-0.1);
        }),
        (ConfigError::Mtu, |link| link.mtu_bytes = 0),
    ];
    for (error, change) in bad {
        assert_eq!(refused(change), Some(error));
    }
    assert_eq!(refused(|link| link.delay_us = TIME_MAX_US), None);
    assert_eq!(refused(|link| link.rate = Some(RATE_MAX)), None);
}

fn any_config() -> impl Strategy<Value = Config> {
    let loss = prop_oneof![
        Just(Loss::Never),
        (0.0..=1.0).prop_map(Loss::Independent),
        (0.0..=1.0, 1.0..20.0).prop_map(|(share, run)| Loss::bursts(share, run)),
    ];
    let queue = prop_oneof![
        (0u64..100_000).prop_map(Queue::Bytes),
        (0u64..100_000).prop_map(Queue::Micros),
    ];
    let rate = prop::option::of(1_000u64..10_000_000_000);
    let times = (0u64..50_000, 0u64..5_000, 0u64..20_000);
    (
        rate,
        times,
        loss,
        0.0..=1.0,
        0.0..=1.0,
        queue,
        100usize..2_000,
    )
        .prop_map(
            |(
                rate,
                (delay_us, jitter_us, late_us),
                loss,
                duplication,
                reordering,
                queue,
                mtu_bytes,
            )| {
                Config {
                    rate,
                    delay_us,
                    jitter_us,
                    loss,
                    duplication,
                    reordering,
                    late_us,
                    queue,
                    mtu_bytes,
                }
            },
        )
}

fn any_traffic() -> impl Strategy<Value = Vec<(u64, usize)>> {
    prop::collection::vec((0u64..3_000, 1usize..2_000), 1..200)
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_link(
        config in any_config(), seed in any::<u64>(), traffic in any_traffic(),
    ) {
        let (mut one, mut other) = (link(config, seed), link(config, seed));
        let mut now = 0;
        for (gap, size) in traffic {
            now += gap;
            prop_assert_eq!(one.push(at(now), size), other.push(at(now), size));
        }
        prop_assert_eq!(one.counts(), other.counts());
    }

    #[test]
    fn nothing_arrives_before_its_bits_and_the_way_or_after_queue_jitter_and_lateness(
        config in any_config(), seed in any::<u64>(), traffic in any_traffic(),
    ) {
        let mut link = link(config, seed);
        let mut now = 0;
        for (gap, size) in traffic {
            now += gap;
            let takes_us = (time_ns(size as u128, config.rate) / 1_000) as u64;
            // In order: a packet waits for the one before it, which the longest of all has delayed.
            let longest_us = (time_ns(2_000, config.rate) / 1_000) as u64;
            let queue_us = (link.queue_ns / 1_000) as u64 + longest_us;
            for arrival in link.push(at(now), size) {
                let took = arrival.since(at(now)).as_micros() as u64;
                prop_assert!(took >= takes_us + config.delay_us);
                let way_us = config.delay_us + config.jitter_us + config.late_us;
                let most = queue_us + takes_us + way_us;
                prop_assert!(took <= most + 2, "{took} of {most}");
            }
        }
    }

    #[test]
    fn without_lateness_nothing_overtakes(
        config in any_config(), seed in any::<u64>(), traffic in any_traffic(),
    ) {
        let mut link = link(Config { reordering: 0.0, ..config }, seed);
        let (mut now, mut last) = (0, Moment::START);
        for (gap, size) in traffic {
            now += gap;
            for arrival in link.push(at(now), size) {
                prop_assert!(arrival >= last);
                last = arrival;
            }
        }
    }

    #[test]
    fn every_packet_is_accounted_for_once(
        config in any_config(), seed in any::<u64>(), traffic in any_traffic(),
    ) {
        let mut link = link(config, seed);
        let (mut now, mut arrived) = (0, 0);
        for (gap, size) in traffic {
            now += gap;
            arrived += link.push(at(now), size).as_slice().len() as u64;
        }
        let counts = link.counts();
        prop_assert_eq!(arrived, counts.arriving);
        let copies = counts.offered - counts.too_long - counts.lost + counts.doubled;
        prop_assert_eq!(copies, counts.arriving + counts.dropped);
    }

    #[test]
    fn no_more_than_the_rate_passes(
        rate in 1_000_000u64..1_000_000_000, seed in any::<u64>(), traffic in any_traffic(),
    ) {
        let config = Config { rate: Some(rate), duplication: 0.1, mtu_bytes: 2_000, ..FAST };
        let mut link = link(config, seed);
        let (mut now, mut last) = (0, 0);
        for (gap, size) in traffic {
            now += gap;
            for arrival in link.push(at(now), size) {
                last = last.max(arrival.as_micros());
            }
        }
        let passed_us = (last.saturating_sub(config.delay_us) + 1) as f64;
        let bits = link.counts().arriving_bytes as f64 * 8.0;
        prop_assert!(bits <= passed_us * rate as f64 / 1e6 + 8.0);
    }
}
