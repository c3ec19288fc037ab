//! What is measured, and for whom.

use std::time::Duration;

use crate::peer::{Direction, Job};

/// One row of conditions: a job, a place and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Its short name, for the command line.
    pub(crate) name: &'static str,
    /// What it is, for the table.
    pub(crate) title: &'static str,
    /// The job.
    pub(crate) job: Job,
    /// The link, in the words of `pentimento-chaos link`; none on loopback.
    pub(crate) link: Option<&'static str>,
    /// Who, unless the command line says so.
    pub(crate) peers: &'static [&'static str],
    /// Rounds; in each everybody has a turn.
    pub(crate) rounds: u32,
    /// Jobs of one turn, one right after the other; the turn counts as their median.
    pub(crate) times: u32,
    /// Meanwhile so many bytes come down over the same connection; none for zero.
    pub(crate) bulk_bytes: usize,
    /// A turn that takes longer is ended, and the peer's last in the case.
    pub(crate) limit: Duration,
    /// Who else is on the link, with the same job at the same time.
    pub(crate) beside: Beside,
}

/// Who else is on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Nobody.
    Nobody,
    /// This peer.
    Peer(&'static str),
    /// Another transfer of the same peer.
    Itself,
}

const MB: usize = 1_000_000;

const fn job(bytes: usize, direction: Direction, is_cold: bool) -> Job {
    Job {
        bytes,
        direction,
        is_cold,
    }
}

const BIG: Job = job(60 * MB, Direction::Down, true);
const BIG_WARM: Job = job(60 * MB, Direction::Down, false);
const IMAGE: Job = job(2 * MB, Direction::Down, true);
const LONG: Job = job(20 * MB, Direction::Down, true);
const LONGER: Job = job(40 * MB, Direction::Down, true);
const COLD: Job = job(5_000, Direction::Each, true);
const WARM: Job = job(5_000, Direction::Each, false);

const LOCAL: &[&str] = &["tcp-cubic", "tcp-bbr", "tls-bbr", "quinn", "ours"];
const SMALL: &[&str] = &[
    "tcp-cubic",
    "tls-cubic",
    "quinn",
    "quinn-0rtt",
    "ours",
    "ours-0rtt",
];
const WARMED: &[&str] = &["tcp-cubic", "tls-cubic", "quinn", "ours"];
const FAR: &[&str] = &[
    "tcp-cubic",
    "tcp-bbr",
    "tls-bbr",
    "quinn",
    "quinn-bbr",
    "ours",
    "ours-0rtt",
];
const BRAVE_CUBIC: &[&str] = &[
    "tcp-cubic",
    "tcp-bbr",
    "tls-bbr",
    "quinn-bbr",
    "ours",
    "ours-0rtt",
];
const BRAVE: &[&str] = &["tcp-bbr", "tls-bbr", "quinn-bbr", "ours", "ours-0rtt"];
const LOSSY: &[&str] = &["tcp-bbr", "quinn-bbr", "ours"];
const MANY: &[&str] = &["quinn", "quinn-bbr", "ours"];
const FAIR: &[&str] = &["tcp-bbr", "quinn", "quinn-bbr", "ours"];

const fn local(
    name: &'static str,
    title: &'static str,
    job: Job,
    peers: &'static [&'static str],
) -> Case {
    Case {
        name,
        title,
        job,
        link: None,
        peers,
        rounds: 9,
        times: 1,
        bulk_bytes: 0,
        limit: Duration::from_secs(10),
        beside: Beside::Nobody,
    }
}

const fn far(
    name: &'static str,
    title: &'static str,
    job: Job,
    link: &'static str,
    peers: &'static [&'static str],
) -> Case {
    Case {
        name,
        title,
        job,
        link: Some(link),
        peers,
        rounds: 3,
        times: 1,
        bulk_bytes: 0,
        limit: Duration::from_secs(3),
        beside: Beside::Nobody,
    }
}

const fn long(
    name: &'static str,
    title: &'static str,
    link: &'static str,
    peers: &'static [&'static str],
) -> Case {
    Case {
        rounds: 1,
        limit: Duration::from_secs(7),
        ..far(name, title, LONG, link, peers)
    }
}

/// All cases, in their order.
pub(crate) const ALL: &[Case] = &[
    local("60mb", "60 MB down, cold, loopback", BIG, LOCAL),
    local("60mb-warm", "60 MB down, warm, loopback", BIG_WARM, LOCAL),
    Case {
        times: 5,
        ..local("2mb", "2 MB down, cold, loopback", IMAGE, LOCAL)
    },
    Case {
        times: 50,
        ..local("5k-warm", "5 kB each way, warm, loopback", WARM, WARMED)
    },
    Case {
        times: 10,
        ..local("5k-cold", "5 kB each way, cold, loopback", COLD, SMALL)
    },
    far(
        "far-5k-cold",
        "5 kB each way, cold, 20 ms",
        COLD,
        LINK_0,
        SMALL,
    ),
    far("far-2mb-0", "2 MB down, cold, no loss", IMAGE, LINK_0, FAR),
    far("far-2mb-1", "2 MB down, cold, 1 % loss", IMAGE, LINK_1, FAR),
    far(
        "far-2mb-5",
        "2 MB down, cold, 5 % loss",
        IMAGE,
        LINK_5,
        BRAVE,
    ),
    far(
        "far-2mb-20",
        "2 MB down, cold, 20 % loss",
        IMAGE,
        LINK_20,
        BRAVE,
    ),
    far(
        "far-2mb-late",
        "2 MB down, cold, 5 % late by 5 ms, 1 % doubled",
        IMAGE,
        LINK_LATE,
        BRAVE_CUBIC,
    ),
    long("far-20mb-0", "20 MB down, cold, no loss", LINK_0, LOSSY),
    long("far-20mb-1", "20 MB down, cold, 1 % loss", LINK_1, LOSSY),
    long("far-20mb-5", "20 MB down, cold, 5 % loss", LINK_5, LOSSY),
    long("far-20mb-20", "20 MB down, cold, 20 % loss", LINK_20, LOSSY),
    long(
        "far-shallow",
        "20 MB down, cold, a queue of 5 ms",
        LINK_SHALLOW,
        FAIR,
    ),
    Case {
        times: 5,
        bulk_bytes: 10 * MB,
        ..far(
            "far-urgent",
            "5 kB each way while 10 MB come down",
            WARM,
            LINK_0,
            MANY,
        )
    },
    Case {
        job: LONGER,
        beside: Beside::Peer("tcp-cubic"),
        limit: Duration::from_secs(15),
        ..long(
            "far-beside",
            "40 MB down beside as much by TCP CUBIC",
            LINK_0,
            FAIR,
        )
    },
    Case {
        job: LONGER,
        beside: Beside::Itself,
        limit: Duration::from_secs(15),
        ..long("far-two", "40 MB down, two of the same", LINK_0, FAIR)
    },
];

const LINK_0: &str = "--rate 100mbit --delay 10ms --queue 40ms";
const LINK_1: &str = "--rate 100mbit --delay 10ms --queue 40ms --loss 1%";
const LINK_5: &str = "--rate 100mbit --delay 10ms --queue 40ms --loss 5%";
const LINK_20: &str = "--rate 100mbit --delay 10ms --queue 40ms --loss 20%";
const LINK_LATE: &str =
    "--rate 100mbit --delay 10ms --queue 40ms --reorder 5% --late 5ms --duplicate 1%";
const LINK_SHALLOW: &str = "--rate 100mbit --delay 10ms --queue 5ms";
