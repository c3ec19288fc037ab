//! A state machine that remembers everything: which commands came, in which order, and how often.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::actors::consensus::StateMachine;
use crate::proto::codec;
use crate::proto::ids::Digest;
use crate::time::WallTime;

/// Commands are numbers; this one is refused before it gets into the log.
pub(in crate::actors::consensus) const UNWANTED: u64 = u64::MAX;

/// What an entry that tells the time counts as.
pub(in crate::actors::consensus) const CLOCK: [u8; 8] = [0xfe; 8];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::actors::consensus) struct Toy {
    /// Place of the first coming of each command.
    pub(in crate::actors::consensus) first: BTreeMap<u64, u64>,
    /// Commands applied, repeats too.
    pub(in crate::actors::consensus) count: u64,
    chain: [u8; 32],
    /// A bug: what this server makes of a command, others do not.
    pub(in crate::actors::consensus) bent: bool,
    twist: u64,
    /// The largest stamp.
    time: u64,
}

pub(in crate::actors::consensus) fn command(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_le_bytes())
}

fn number(command: &[u8]) -> u64 {
    command
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// What the toy says of a command: its number, where it came first, and how many there were.
pub(in crate::actors::consensus) type Reply = (u64, u64, u64);

/// What every server tells the observer: the command, the digest after it.
pub(in crate::actors::consensus) type Effect = (u64, Digest);

impl StateMachine for Toy {
    type Reply = Reply;
    type Effect = Effect;
    type Damaged = &'static str;

    fn admit(&mut self, _: WallTime, command: &[u8]) -> Result<(), Reply> {
        if number(command) == UNWANTED {
            Err((UNWANTED, 0, 0))
        } else {
            Ok(())
        }
    }

    fn apply(&mut self, seq: u64, stamp: WallTime, command: &[u8]) -> (Reply, Vec<Effect>) {
        let command = if command.is_empty() { &CLOCK } else { command };
        let number = number(command);
        self.time = self.time.max(stamp.0);
        self.count += 1;
        self.twist += u64::from(self.bent);
        let first = *self.first.entry(number).or_insert(seq);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.chain);
        hasher.update(&seq.to_le_bytes());
        hasher.update(&stamp.0.to_le_bytes());
        hasher.update(command);
        self.chain = *hasher.finalize().as_bytes();
        let effect = (number, Digest(self.chain));
        ((number, first, self.count), vec![effect])
    }

    /// Once a minute.
    fn due(&self) -> Option<WallTime> {
        Some(WallTime(self.time + 60_000))
    }

    fn query(&self, _: &[u8]) -> Reply {
        (0, 0, self.count)
    }

    fn snapshot(&self) -> Bytes {
        codec::encode(&(&self.first, self.count, self.chain, self.twist, self.time)).into()
    }

    fn restore(snapshot: &[u8]) -> Result<Self, &'static str> {
        let (first, count, chain, twist, time) =
            codec::decode(snapshot, 1 << 24).map_err(|_| "these bytes are no toy")?;
        Ok(Self {
            first,
            count,
            chain,
            bent: false,
            twist,
            time,
        })
    }

    fn digest(&self) -> Digest {
        Digest::of(&self.snapshot())
    }
}
