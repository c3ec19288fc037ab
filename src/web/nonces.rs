//! One-time numbers for opening a picture: each is drawn for one confirm page of one grant and
//! opens it once. Time is an argument; the randomness is, too.

use core::time::Duration;
use std::collections::BTreeMap;

use thiserror::Error;

use crate::proto::ids::GrantId;
use crate::time::Moment;

/// Nonces that are remembered, used ones included; the oldest is forgotten first.
pub(super) const NONCES_MAX: usize = 256;
/// How long a confirm page may wait for its button.
pub(super) const NONCE_LIFE: Duration = Duration::from_secs(600);

/// Random bytes of a nonce.
pub(super) type Nonce = [u8; 16];

/// Why a nonce opens nothing. No state is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum NonceError {
    /// It was never given for this grant, or too long ago.
    #[error("this button is not known here, or too old")]
    Unknown,
    /// It has opened the picture already.
    #[error("this button was used already")]
    Used,
}

#[derive(Debug)]
struct Row {
    grant: GrantId,
    until: Moment,
    is_used: bool,
}

/// All nonces that are out.
#[derive(Debug, Default)]
pub(super) struct Nonces {
    rows: BTreeMap<Nonce, Row>,
}

impl Nonces {
    /// Gives a nonce for a grant.
    pub(super) fn issue(&mut self, now: Moment, grant: GrantId, nonce: Nonce) {
        self.rows.retain(|_, row| row.until > now);
        while self.rows.len() >= NONCES_MAX {
            let oldest = self.rows.iter().min_by_key(|(_, row)| row.until);
            let Some(oldest) = oldest.map(|(nonce, _)| *nonce) else {
                break;
            };
            self.rows.remove(&oldest);
        }
        let row = Row {
            grant,
            until: now.after(NONCE_LIFE),
            is_used: false,
        };
        self.rows.insert(nonce, row);
    }

    /// Uses a nonce up.
    pub(super) fn spend(
        &mut self,
        now: Moment,
        grant: GrantId,
        nonce: Nonce,
    ) -> Result<(), NonceError> {
        let row = self.rows.get_mut(&nonce);
        let row = row.filter(|row| row.grant == grant && row.until > now);
        let row = row.ok_or(NonceError::Unknown)?;
        if row.is_used {
            return Err(NonceError::Used);
        }
        row.is_used = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_millis(5);
    const GRANT: GrantId = GrantId([1; 16]);

    #[test]
    fn a_nonce_opens_its_own_grant_once() {
        let mut nonces = Nonces::default();
        nonces.issue(NOW, GRANT, [7; 16]);
        let other = GrantId([2; 16]);
        assert_eq!(nonces.spend(NOW, other, [7; 16]), Err(NonceError::Unknown));
        assert_eq!(nonces.spend(NOW, GRANT, [8; 16]), Err(NonceError::Unknown));
        assert_eq!(nonces.spend(NOW, GRANT, [7; 16]), Ok(()));
        assert_eq!(nonces.spend(NOW, GRANT, [7; 16]), Err(NonceError::Used));
    }

    #[test]
    fn a_nonce_ends_with_its_life() {
        let mut nonces = Nonces::default();
        nonces.issue(NOW, GRANT, [7; 16]);
        let end = NOW.after(NONCE_LIFE);
        assert_eq!(nonces.spend(end, GRANT, [7; 16]), Err(NonceError::Unknown));
    }

    #[test]
    fn the_oldest_nonce_is_forgotten_beyond_the_limit() {
        let mut nonces = Nonces::default();
        for number in 0..=NONCES_MAX {
            let now = Moment::from_millis(number as u64);
            let mut nonce = [0; 16];
            nonce[..8].copy_from_slice(&(number as u64).to_le_bytes());
            nonces.issue(now, GRANT, nonce);
        }
        assert_eq!(nonces.rows.len(), NONCES_MAX);
        assert_eq!(nonces.spend(NOW, GRANT, [0; 16]), Err(NonceError::Unknown));
    }
}
