//! Commands that clients wait for. A leader puts them into the log; another server lets its
//! clients' letters reach the leader by themselves and passes on only what is not agreed in time.
//!
//! Bounded in number, by client and in bytes. A client that hears nothing says it again.

use core::ops::RangeBounds;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::Config;
use super::wire::Command;
use crate::proto::ids::UserId;
use crate::time::Moment;

type Key = (UserId, u64);

#[derive(Debug)]
struct Wait {
    /// When it was last asked for.
    since: Moment,
    /// Until it is put into the log or passed on.
    command: Option<Bytes>,
    /// The term in which it was put into the log here.
    put_in: Option<u64>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    waits: BTreeMap<Key, Wait>,
    /// Those with a command, in the order of their arrival.
    queue: VecDeque<(Moment, Key)>,
    bytes: usize,
}

/// What became of a command that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It waits.
    Waits,
    /// It is in the log or waits already.
    Known,
    /// There is no room.
    Full,
}

impl Waiting {
    /// Whether a command from this client under this number need not be looked at: it waits, or it
    /// is in the log of the leader that this server is in `leading`.
    pub(super) fn knows(&mut self, now: Moment, key: Key, leading: Option<u64>) -> bool {
        let Some(wait) = self.waits.get_mut(&key) else {
            return false;
        };
        wait.since = now;
        wait.command.is_some() || (leading.is_some() && wait.put_in == leading)
    }

    /// Takes a command in.
    pub(super) fn add(&mut self, now: Moment, key: Key, command: Bytes, config: &Config) -> Taken {
        let known = self.waits.get(&key);
        if known.is_some_and(|wait| wait.command.is_some()) {
            return Taken::Known;
        }
        let has_place = known.is_some() || self.make_room(now, key.0, config);
        if !has_place || self.bytes + command.len() > config.waiting_max_bytes {
            return Taken::Full;
        }
        self.bytes += command.len();
        let wait = Wait {
            since: now,
            command: Some(command),
            put_in: None,
        };
        self.waits.insert(key, wait);
        let pass_at = now.after(Duration::from_millis(config.pass_on_after_ms));
        self.queue.push_back((pass_at, key));
        Taken::Waits
    }

    /// Whether there is room for one more command of a client, or room can be made: by what the
    /// client does not repeat. After a break its transport may say a lot again that is long
    /// answered elsewhere, and what the leader refuses of that is never agreed here.
    fn make_room(&mut self, now: Moment, client: UserId, config: &Config) -> bool {
        if self.waits.len() >= config.waiting_max || self.queue.len() >= 2 * config.waiting_max {
            return false;
        }
        let of_client = (client, 0)..=(client, u64::MAX);
        self.waits.range(of_client.clone()).count() < config.waiting_by_client_max
            || self.forget_among(of_client, now, config.waiting_crowded_ms)
    }

    /// The oldest command that is to be put into the log.
    pub(super) fn first(&mut self) -> Option<Command> {
        self.take(|_| true)
    }

    /// The oldest command that has waited for the leader long enough.
    pub(super) fn due(&mut self, now: Moment) -> Option<Command> {
        self.take(|pass_at| pass_at <= now)
    }

    fn take(&mut self, ripe: impl Fn(Moment) -> bool) -> Option<Command> {
        while let Some(&(pass_at, key)) = self.queue.front() {
            if !ripe(pass_at) {
                return None;
            }
            self.queue.pop_front();
            let wait = self.waits.get_mut(&key);
            if let Some(bytes) = wait.and_then(|wait| wait.command.take()) {
                self.bytes -= bytes.len();
                let (client, nonce) = key;
                return Some(Command {
                    client,
                    nonce,
                    bytes,
                });
            }
        }
        None
    }

    /// The command is in the log of this leader.
    pub(super) fn put(&mut self, key: Key, term: u64) {
        if let Some(wait) = self.waits.get_mut(&key) {
            wait.put_in = Some(term);
        }
    }

    /// The command did not get into the log; it is the first again.
    pub(super) fn put_back(&mut self, now: Moment, command: Command) {
        let key = (command.client, command.nonce);
        if let Some(wait) = self.waits.get_mut(&key) {
            self.bytes += command.bytes.len();
            wait.command = Some(command.bytes);
            self.queue.push_front((now, key));
        }
    }

    /// The command is agreed. Whether somebody here waits for the answer.
    pub(super) fn answered(&mut self, key: Key) -> bool {
        self.remove(key)
    }

    /// Forgets a command, if it was known.
    fn remove(&mut self, key: Key) -> bool {
        let gone = self.waits.remove(&key);
        let bytes = gone.as_ref().and_then(|wait| wait.command.as_ref());
        self.bytes -= bytes.map_or(0, Bytes::len);
        gone.is_some()
    }

    /// Forgets what nobody has asked for within the last `wait_ms` milliseconds.
    pub(super) fn forget(&mut self, now: Moment, wait_ms: u64) {
        self.forget_among(.., now, wait_ms);
        let waits = &self.waits;
        self.queue.retain(|(_, key)| waits.contains_key(key));
    }

    /// The same for some of them; their places in the queue stay, as after an answer. Whether there
    /// was anything to forget.
    fn forget_among(&mut self, keys: impl RangeBounds<Key>, now: Moment, wait_ms: u64) -> bool {
        let wait = Duration::from_millis(wait_ms);
        let waits = self.waits.range(keys);
        let stale = waits.filter(|(_, of)| now.since(of.since) > wait);
        let stale: Vec<Key> = stale.map(|(&key, _)| key).collect();
        for &key in &stale {
            self.remove(key);
        }
        !stale.is_empty()
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }
}
