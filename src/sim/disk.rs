//! The simulated disk of a node: what was answered survives a crash, what was not does not.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::actors::edges::{DiskAnswer, DiskFault, DiskOrder, PictureFile, Table};
use crate::node::machines::Tables;

/// What is durable.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    rows: BTreeMap<(Table, Vec<u8>), Bytes>,
    files: BTreeMap<PictureFile, Bytes>,
}

impl Disk {
    /// All rows of all tables, by key.
    #[must_use]
    pub fn tables(&self) -> Tables {
        let mut tables = Tables::new();
        for ((table, key), value) in &self.rows {
            tables
                .entry(*table)
                .or_default()
                .push((key.clone(), value.clone()));
        }
        tables
    }

    /// Carries out an order; its effect is durable from here on.
    pub fn carry_out(&mut self, order: DiskOrder) -> DiskAnswer {
        match order {
            DiskOrder::Write(records) => {
                for record in records {
                    let key = (record.table, record.key);
                    match record.value {
                        Some(value) => self.rows.insert(key, value),
                        None => self.rows.remove(&key),
                    };
                }
                DiskAnswer::Written
            }
            DiskOrder::Keep(file, bytes) => {
                self.files.insert(file, bytes);
                DiskAnswer::Written
            }
            DiskOrder::Read(file) => self
                .files
                .get(&file)
                .map_or(DiskAnswer::Failed(DiskFault::Missing), |bytes| {
                    DiskAnswer::Read(bytes.clone())
                }),
            DiskOrder::Delete(file) => {
                self.files.remove(&file);
                DiskAnswer::Written
            }
        }
    }
}
