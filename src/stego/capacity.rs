//! How much a picture carries: one bit per sample, always (see `embed.rs`), so capacity follows
//! from the size alone.

use super::picture::sample_count;

/// Whole bytes a picture of `width` x `height` pixels can carry: one bit in each sample.
pub fn capacity_bytes(width: u32, height: u32) -> u64 {
    sample_count(width, height) / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_never_overflows() {
        assert_eq!(capacity_bytes(1, 1), 0);
        assert_eq!(capacity_bytes(1, 3), 1);
        assert_eq!(capacity_bytes(u32::MAX, u32::MAX), u64::MAX / 8);
    }
}
