//! Opening while the container arrives, with the memory of one segment.

use flate2::{Decompress, FlushDecompress, Status};
use zeroize::Zeroizing;

use super::ContainerError;
use super::head::{DIGEST_BYTES, Head, Plan};
use super::rights::Rights;
use super::segments::Reader;
use super::sizes::room;

/// Compressed bytes are unpacked in pieces of this size.
const UNPACKED_BYTES: usize = 16 << 10;

/// Opens a container whose head was read. What it gives is authentic piece by piece, but only
/// [`Opener::finish`] says that it is all there: whoever does not reach it drops what came.
pub struct Opener {
    plan: Plan,
    reader: Reader,
    /// Plain bytes that were opened.
    at: u64,
    rights: Vec<u8>,
    digest: Vec<u8>,
    unpacker: Option<Unpacker>,
    hasher: blake3::Hasher,
    given_bytes: u64,
    broken: bool,
}

impl Opener {
    /// For the container with this head.
    #[must_use]
    pub fn new(head: &Head) -> Self {
        let room = room(head.plan.container_bytes).unwrap_or_default();
        Self {
            plan: head.plan,
            reader: Reader::new(&head.body_key, room),
            at: 0,
            rights: Vec::new(),
            digest: Vec::new(),
            unpacker: head.plan.is_compressed.then(Unpacker::new),
            hasher: blake3::Hasher::new(),
            given_bytes: 0,
            broken: false,
        }
    }

    /// Takes the next bytes of the container, of those after its first
    /// [`PROBE_BYTES`](super::PROBE_BYTES), and appends to `out` what of the original is proven.
    /// Bytes after its end are left alone.
    ///
    /// # Errors
    /// If anything is not what was sealed; nothing can be pushed after that.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ContainerError> {
        if self.broken {
            return Err(ContainerError::Damaged);
        }
        let taken = self.take(&mut bytes, out);
        self.broken = taken.is_err();
        taken
    }

    fn take(&mut self, bytes: &mut &[u8], out: &mut Vec<u8>) -> Result<(), ContainerError> {
        let data_from = self.plan.rights_bytes;
        let data_to = data_from + self.plan.data_bytes;
        let digest_to = data_to + DIGEST_BYTES as u64;
        while let Some(plain) = self.reader.next_segment(bytes)? {
            let from = self.at;
            self.at += plain.len() as u64;
            let part = |part_from: u64, part_to: u64| {
                let place = |at: u64| at.clamp(from, from + plain.len() as u64) - from;
                &plain[place(part_from) as usize..place(part_to) as usize]
            };
            self.rights.extend_from_slice(part(0, data_from));
            let data = part(data_from, data_to);
            let given_from = out.len();
            match &mut self.unpacker {
                None => out.extend_from_slice(data),
                Some(unpacker) => unpacker.push(data, self.plan.original_bytes, out)?,
            }
            self.hasher.update(&out[given_from..]);
            self.given_bytes += (out.len() - given_from) as u64;
            self.digest.extend_from_slice(part(data_to, digest_to));
            if part(digest_to, u64::MAX).iter().any(|byte| *byte != 0) {
                return Err(ContainerError::Damaged);
            }
        }
        Ok(())
    }

    /// Says that the original is complete and is what was sealed.
    ///
    /// # Errors
    /// If it is not.
    pub fn finish(self) -> Result<Rights, ContainerError> {
        let is_whole = self.reader.is_over()
            && !self.broken
            && self.given_bytes == self.plan.original_bytes
            && self.unpacker.is_none_or(|unpacker| unpacker.is_over)
            && self.hasher.finalize().as_bytes()[..] == self.digest[..];
        if !is_whole {
            return Err(ContainerError::Damaged);
        }
        Rights::decode(&self.rights)
    }
}

impl core::fmt::Debug for Opener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Opener({} bytes given)", self.given_bytes)
    }
}

/// Unpacks zlib data, never more than announced.
struct Unpacker {
    state: Decompress,
    given_bytes: u64,
    is_over: bool,
}

impl Unpacker {
    fn new() -> Self {
        Self {
            state: Decompress::new(true),
            given_bytes: 0,
            is_over: false,
        }
    }

    fn push(
        &mut self,
        mut data: &[u8],
        limit_bytes: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), ContainerError> {
        let mut buffer = Zeroizing::new([0; UNPACKED_BYTES]);
        loop {
            if self.is_over {
                // Bytes behind the end of the stream are no part of what was packed.
                return if data.is_empty() {
                    Ok(())
                } else {
                    Err(ContainerError::Damaged)
                };
            }
            let (read, written) = (self.state.total_in(), self.state.total_out());
            let status = self
                .state
                .decompress(data, &mut *buffer, FlushDecompress::None)
                .map_err(|_| ContainerError::Damaged)?;
            let read = (self.state.total_in() - read) as usize;
            let written = (self.state.total_out() - written) as usize;
            data = &data[read..];
            self.given_bytes += written as u64;
            if self.given_bytes > limit_bytes {
                return Err(ContainerError::Damaged);
            }
            out.extend_from_slice(&buffer[..written]);
            self.is_over = status == Status::StreamEnd;
            if read == 0 && written == 0 && !self.is_over {
                // It waits for more.
                return if data.is_empty() {
                    Ok(())
                } else {
                    Err(ContainerError::Damaged)
                };
            }
        }
    }
}
