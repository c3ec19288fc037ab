//! What must hold whatever happens: one function for each invariant.
//!
//! Every check gives a sentence that says what does not hold, or nothing.

use std::collections::BTreeMap;

use crate::proto::packet::Party;
use crate::transport::endpoint::{LinkSurvey, SessionSurvey, Survey};
use crate::transport::pool;
use crate::transport::receiver;

/// Small packets and relayed datagrams that wait in a link: the limits of its three queues.
const WAITING_MAX: usize = 256 + 256 + 64;
/// Sessions with one party.
const SESSIONS_MAX: usize = 3;
/// Times that a host is woken in vain, each simulated second.
pub(super) const VAIN_WAKES_MAX: u32 = 1_000;

/// What does not hold.
pub(super) type Broken = Option<String>;

/// How one session stood when it was looked at last: its direction of numbers and its messages.
#[derive(Clone, Debug, Default)]
struct Stood {
    next_number: u64,
    largest_acked: Option<u64>,
    largest_heard: Option<u64>,
    sending: BTreeMap<u32, (u32, u32)>,
    receiving: BTreeMap<u32, (u32, u32)>,
}

/// How the sessions of one life of a host stood.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    sessions: BTreeMap<(Party, u32), Stood>,
}

impl Past {
    /// Acknowledgements, first missing fragments and credits never run backwards in a session.
    pub(super) fn nothing_runs_backwards(&mut self, survey: &Survey) -> Broken {
        for link in &survey.links {
            for (place, session) in link.sessions.iter().enumerate() {
                let stood = self
                    .sessions
                    .entry((link.party, session.local))
                    .or_default();
                if let Some(broken) = stood.numbers_run_backwards(session) {
                    return Some(broken);
                }
                let sends = place == 0;
                let receives = link.receives_in == Some(session.local);
                if let Some(broken) = stood.messages_run_backwards(link, sends, receives) {
                    return Some(broken);
                }
            }
        }
        None
    }
}

impl Stood {
    fn numbers_run_backwards(&mut self, now: &SessionSurvey) -> Broken {
        let holds = now.next_number >= self.next_number
            && now.largest_acked >= self.largest_acked
            && now.largest_heard >= self.largest_heard
            && now
                .largest_acked
                .is_none_or(|acked| acked < now.next_number);
        if !holds {
            return Some(format!("numbers run backwards: {self:?}, then {now:?}"));
        }
        self.next_number = now.next_number;
        self.largest_acked = now.largest_acked;
        self.largest_heard = now.largest_heard;
        None
    }

    fn messages_run_backwards(&mut self, link: &LinkSurvey, sends: bool, receives: bool) -> Broken {
        for one in link.sending.iter().filter(|_| sends) {
            let stood = self.sending.entry(one.message).or_default();
            if one.first_unacked < stood.0 || one.credit < stood.1 {
                return Some(format!("a sender runs backwards: {stood:?}, then {one:?}"));
            }
            *stood = (one.first_unacked, one.credit);
        }
        for one in link.receiving.iter().filter(|_| receives) {
            let stood = self.receiving.entry(one.message).or_default();
            if one.first_missing < stood.0 || one.credit < stood.1 {
                return Some(format!(
                    "a receiver runs backwards: {stood:?}, then {one:?}"
                ));
            }
            *stood = (one.first_missing, one.credit);
        }
        None
    }
}

/// A sender never goes beyond the credit that it knows.
#[must_use]
pub(super) fn credit_is_respected(survey: &Survey) -> Broken {
    let all = survey.links.iter().flat_map(|link| &link.sending);
    let mut beyond =
        all.filter(|one| one.cursor > one.credit || one.first_unacked > one.cursor.max(one.credit));
    beyond
        .next()
        .map(|one| format!("beyond its credit: {one:?}"))
}

/// What a sender holds for credit or arrived, its receiver has given or got, if both are in the
/// same session.
#[must_use]
pub(super) fn ends_agree(sender: &LinkSurvey, receiver: &LinkSurvey) -> Broken {
    let one = sender.sessions.first()?;
    if receiver.receives_in != Some(one.remote) {
        return None;
    }
    for sending in &sender.sending {
        let mut all = receiver.receiving.iter();
        let Some(receiving) = all.find(|receiving| receiving.message == sending.message) else {
            continue;
        };
        if sending.first_unacked > receiving.first_missing || sending.credit > receiving.credit {
            return Some(format!("the ends disagree: {sending:?}, {receiving:?}"));
        }
    }
    None
}

/// Memory stays within its caps, and what is counted is counted once.
#[must_use]
pub(in crate::sim) fn memory_is_within_caps(survey: &Survey) -> Broken {
    let receiver_max = receiver::Config::lan().memory_max_bytes;
    let is_within = survey.budget_used_bytes <= survey.budget_max_bytes
        && survey.pool_bytes <= pool::Config::lan().max_bytes
        && survey.links.iter().all(|link| {
            link.receiver_used_bytes <= receiver_max
                && link.waiting <= WAITING_MAX
                && link.sessions.len() <= SESSIONS_MAX
        });
    if !is_within {
        return Some(format!("memory beyond its caps: {survey:?}"));
    }
    if survey.budget_used_bytes != survey.receivers_used_bytes {
        return Some(format!(
            "the budget says {} bytes, the receivers {}",
            survey.budget_used_bytes, survey.receivers_used_bytes
        ));
    }
    None
}

/// The tables of an endpoint say the same as its links.
#[must_use]
pub(super) fn tables_agree(survey: &Survey) -> Broken {
    let links = survey.links.len();
    if survey.session_numbers != survey.link_numbers {
        return Some(format!(
            "{} session numbers are known, links have {}",
            survey.session_numbers, survey.link_numbers
        ));
    }
    (survey.in_line > links || survey.timers > links).then(|| {
        format!(
            "{links} links: {} in line, {} timers",
            survey.in_line, survey.timers
        )
    })
}

/// The numbers of the packets that one life of a host sent in one session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    last: Option<u64>,
}

impl Numbers {
    /// A number is used once: packets leave in the order of their numbers.
    pub(super) fn is_used_once(&mut self, number: u64) -> Broken {
        if self.last.is_some_and(|last| number <= last) {
            return Some(format!("packet number {number} after {:?}", self.last));
        }
        self.last = Some(number);
        None
    }
}

/// How often a host was woken although there was nothing to do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wakes {
    second: u64,
    vain: u32,
}

impl Wakes {
    /// Nothing spins: wakes that bring nothing are few in each second.
    pub(super) fn do_not_spin(&mut self, now_us: u64, is_vain: bool) -> Broken {
        if self.second != now_us / 1_000_000 {
            *self = Self {
                second: now_us / 1_000_000,
                vain: 0,
            };
        }
        self.vain += u32::from(is_vain);
        (self.vain > VAIN_WAKES_MAX)
            .then(|| format!("woken {} times in vain in a second", self.vain))
    }
}

/// Without loss, little more is sent than what there is to send.
#[must_use]
pub(super) fn bytes_are_few(sent_bytes: u64, least_bytes: u64, share: f64) -> Broken {
    (sent_bytes as f64 > share * least_bytes as f64).then(|| {
        let times = sent_bytes as f64 / least_bytes as f64;
        format!("{sent_bytes} bytes left where {least_bytes} are needed: {times:.2} times")
    })
}

/// When everything has ended and was forgotten, nothing is charged.
#[must_use]
pub(super) fn nothing_is_left(survey: &Survey) -> Broken {
    let is_left = survey.budget_used_bytes > 0 || survey.pool_bytes > 0;
    is_left.then(|| {
        format!(
            "{} bytes are charged and {} pooled although all has ended",
            survey.budget_used_bytes, survey.pool_bytes
        )
    })
}
