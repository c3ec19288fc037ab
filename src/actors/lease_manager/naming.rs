//! How a person points at a lease: by the first digits of its name, or as `peer/image`.

use super::failures;
use crate::proto::control::Failure;
use crate::proto::ids::GrantId;

/// What can be pointed at.
pub(super) struct Named<'a> {
    pub(super) grant: GrantId,
    pub(super) peer: &'a str,
    pub(super) image: &'a str,
}

/// The one lease that is meant.
///
/// # Errors
/// If none or more than one is.
pub(super) fn find<'a>(
    wanted: &str,
    leases: impl Iterator<Item = Named<'a>>,
) -> Result<GrantId, Failure> {
    let mut found: Vec<GrantId> = leases
        .filter(|lease| is_meant(wanted, lease))
        .map(|lease| lease.grant)
        .collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [] => Err(failures::not_found(wanted)),
        [one] => Ok(*one),
        many => Err(failures::ambiguous(wanted, many.len())),
    }
}

fn is_meant(wanted: &str, lease: &Named<'_>) -> bool {
    if let Some((peer, image)) = wanted.split_once('/') {
        return peer.strip_prefix('@').unwrap_or(peer) == lease.peer && image == lease.image;
    }
    !wanted.is_empty() && lease.grant.hex().starts_with(&wanted.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::control::Reason;

    fn look(wanted: &str) -> Result<GrantId, Reason> {
        let leases = [([0x7f; 16], "alice"), ([0x70; 16], "carol")];
        let named = leases.iter().map(|(id, peer)| Named {
            grant: GrantId(*id),
            peer,
            image: "a/b.jpg",
        });
        find(wanted, named).map_err(|failure| failure.reason)
    }

    #[test]
    fn a_lease_is_meant_by_enough_digits_or_by_peer_and_image() {
        assert_eq!(look("7f"), Ok(GrantId([0x7f; 16])));
        assert_eq!(look("7F7f"), Ok(GrantId([0x7f; 16])));
        assert_eq!(look("@carol/a/b.jpg"), Ok(GrantId([0x70; 16])));
        assert_eq!(look("carol/a/b.jpg"), Ok(GrantId([0x70; 16])));
    }

    #[test]
    fn none_and_several_are_told_apart() {
        assert_eq!(look("7"), Err(Reason::Usage));
        for nothing in ["", "/", "9", "@carol/", "carol", &"7f".repeat(17)] {
            assert_eq!(look(nothing), Err(Reason::NotFound), "{nothing}");
        }
    }
}
