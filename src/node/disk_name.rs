//! The name of a server's disk.
//!
//! Owners of strict grants put shares on the disks of servers. One that was replaced or emptied has
//! another name than before, by which they see at once that theirs are missing there.

use bytes::Bytes;

use super::machines::Tables;
use crate::actors::edges::{Record, Table};
use crate::proto::ids::DiskId;

/// Key of the only row.
const KEY: &[u8] = b"name";

/// The name that is on the disk; none if it was never used.
#[must_use]
pub fn of(tables: &Tables) -> Option<DiskId> {
    let rows = tables.get(&Table::Disk)?;
    let (_, value) = rows.iter().find(|(key, _)| key == KEY)?;
    Some(DiskId(value[..].try_into().ok()?))
}

/// The row that gives a new disk its name, from what is random at this start.
#[must_use]
pub fn record(seed: &[u8; 32]) -> Record {
    let mut name = [0; 16];
    blake3::Hasher::new_derive_key("pentimento 1 disk name")
        .update(seed)
        .finalize_xof()
        .fill(&mut name);
    Record {
        table: Table::Disk,
        key: KEY.to_vec(),
        value: Some(Bytes::copy_from_slice(&name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_the_name_it_was_given() {
        let named = |seed| {
            let Record { table, key, value } = record(&[seed; 32]);
            of(&Tables::from([(table, vec![(key, value.expect("a row"))])]))
        };
        assert_eq!(named(1), named(1));
        assert_ne!(named(1), named(2));
        assert!(named(1).is_some());
        assert_eq!(of(&Tables::new()), None);
        let damaged = vec![(KEY.to_vec(), Bytes::from_static(b"short"))];
        assert_eq!(of(&Tables::from([(Table::Disk, damaged)])), None);
    }
}
