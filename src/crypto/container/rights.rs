//! The rights inside a container, in an encoding of their own, so that the format depends on no
//! crate.

use serde::{Deserialize, Serialize};

use super::ContainerError;
use crate::proto::ids::{GrantId, UserId};

/// Longest name that is kept, in bytes of UTF-8; of a longer one the end is left out.
pub const NAME_MAX_BYTES: usize = 1_024;
/// Everything before the name.
const FIXED_BYTES: usize = 32 + 32 + 1 + 16 + 4;

/// The rights that travel inside a picture (and are authenticated with it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// File name of the image.
    pub name: String,
    /// The owner; zeros for a picture under a passphrase, which belongs to whoever knows it.
    pub owner: UserId,
    /// The borrower; the owner for a picture hidden for oneself.
    pub borrower: UserId,
    /// The grant it belongs to, none for oneself.
    pub grant: Option<GrantId>,
    /// Looks granted when it was made.
    pub views: u32,
}

impl Rights {
    /// The rights of a file under a passphrase: nobody's in particular.
    #[must_use]
    pub const fn of_nobody(name: String) -> Self {
        Self {
            name,
            owner: UserId([0; 32]),
            borrower: UserId([0; 32]),
            grant: None,
            views: 0,
        }
    }

    /// At most `u16::MAX` bytes, at least one.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut end = self.name.len().min(NAME_MAX_BYTES);
        while !self.name.is_char_boundary(end) {
            end -= 1;
        }
        let mut bytes = Vec::with_capacity(FIXED_BYTES + end);
        bytes.extend_from_slice(&self.owner.0);
        bytes.extend_from_slice(&self.borrower.0);
        bytes.push(u8::from(self.grant.is_some()));
        bytes.extend_from_slice(&self.grant.map_or([0; 16], |grant| grant.0));
        bytes.extend_from_slice(&self.views.to_le_bytes());
        bytes.extend_from_slice(&self.name.as_bytes()[..end]);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, ContainerError> {
        let mut rest = bytes;
        let owner = UserId(take(&mut rest)?);
        let borrower = UserId(take(&mut rest)?);
        let [has_grant] = take(&mut rest)?;
        let grant = take(&mut rest)?;
        let grant = match has_grant {
            0 if grant == [0; 16] => None,
            1 => Some(GrantId(grant)),
            _ => return Err(ContainerError::Damaged),
        };
        let views = u32::from_le_bytes(take(&mut rest)?);
        if rest.len() > NAME_MAX_BYTES {
            return Err(ContainerError::Damaged);
        }
        let name = core::str::from_utf8(rest).map_err(|_| ContainerError::Damaged)?;
        Ok(Self {
            name: name.to_owned(),
            owner,
            borrower,
            grant,
            views,
        })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], ContainerError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(ContainerError::Damaged)?;
    *bytes = rest;
    Ok(*taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rights(name: &str, grant: Option<GrantId>) -> Rights {
        Rights {
            name: name.to_owned(),
            owner: UserId([1; 32]),
            borrower: UserId([2; 32]),
            grant,
            views: 0x0403_0201,
        }
    }

    #[test]
    fn the_encoding_is_the_documented_one() {
        let bytes = rights("a.png", Some(GrantId([3; 16]))).encode();
        let wanted = [
            &[1; 32][..],
            &[2; 32],
            &[1],
            &[3; 16],
            &[1, 2, 3, 4],
            b"a.png",
        ];
        assert_eq!(bytes, wanted.concat());
    }

    #[test]
    fn a_long_name_loses_its_end_between_two_letters() {
        let long = format!("{}ü", "x".repeat(NAME_MAX_BYTES - 1));
        let found = Rights::decode(&rights(&long, None).encode()).expect("decodes");
        assert_eq!(found.name, "x".repeat(NAME_MAX_BYTES - 1));
        let mut longer = rights(&long, None).encode();
        longer.extend_from_slice(b"xx");
        assert_eq!(Rights::decode(&longer), Err(ContainerError::Damaged));
    }

    proptest! {
        #[test]
        fn rights_come_back(name in "\\PC{0,80}", grant in any::<Option<[u8; 16]>>()) {
            let rights = rights(&name, grant.map(GrantId));
            prop_assert_eq!(Rights::decode(&rights.encode()), Ok(rights));
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(
            bytes in prop::collection::vec(any::<u8>(), 0..120),
        ) {
            if let Ok(rights) = Rights::decode(&bytes) {
                prop_assert_eq!(rights.encode(), bytes);
            }
        }
    }
}
