//! A state that is cheap: it counts commands and hashes them, for targets that are about how
//! servers agree and not about what.

use bytes::Bytes;
use pentimento::actors::consensus::StateMachine;
use pentimento::proto::ids::Digest;
use pentimento::time::WallTime;

/// Begins every snapshot.
const MAGIC: &[u8; 3] = b"toy";

/// Commands so far, and a digest over all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toy {
    count: u64,
    chain: [u8; 8],
}

impl Toy {
    /// The bytes of a state after so many commands.
    pub fn bytes(count: u64, chain: u8) -> Vec<u8> {
        [&MAGIC[..], &count.to_le_bytes(), &[chain; 8]].concat()
    }
}

impl StateMachine for Toy {
    type Reply = u64;
    type Effect = u64;
    type Damaged = &'static str;

    fn admit(&mut self, _: WallTime, command: &[u8]) -> Result<(), u64> {
        if command.first() == Some(&0xff) {
            Err(self.count)
        } else {
            Ok(())
        }
    }

    fn apply(&mut self, seq: u64, stamp: WallTime, command: &[u8]) -> (u64, Vec<u64>) {
        self.count = self.count.wrapping_add(1);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.chain);
        hasher.update(&seq.to_le_bytes());
        hasher.update(&stamp.0.to_le_bytes());
        hasher.update(command);
        self.chain
            .copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        (self.count, vec![self.count])
    }

    fn due(&self) -> Option<WallTime> {
        Some(WallTime(60_000))
    }

    fn query(&self, _: &[u8]) -> u64 {
        self.count
    }

    fn snapshot(&self) -> Bytes {
        [&MAGIC[..], &self.count.to_le_bytes(), &self.chain]
            .concat()
            .into()
    }

    fn restore(snapshot: &[u8]) -> Result<Self, &'static str> {
        let rest = snapshot.strip_prefix(MAGIC).ok_or("no toy")?;
        let (count, rest) = rest.split_first_chunk().ok_or("cut off")?;
        Ok(Self {
            count: u64::from_le_bytes(*count),
            chain: rest.try_into().map_err(|_| "of another length")?,
        })
    }

    fn digest(&self) -> Digest {
        Digest::of(&self.snapshot())
    }
}
