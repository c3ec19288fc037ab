//! A disk of the model: rows, and orders that are under way.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::actors::edges::{DiskOrder, Row, Table, Ticket};
use crate::proto::ids::LetterId;

/// Carries out one order after the other, when the checker wants.
#[derive(Clone, Default)]
pub(super) struct Disk {
    rows: BTreeMap<(Table, Vec<u8>), Bytes>,
    under_way: VecDeque<(Ticket, DiskOrder)>,
}

impl Disk {
    pub(super) fn order(&mut self, ticket: Ticket, order: DiskOrder) {
        self.under_way.push_back((ticket, order));
    }

    pub(super) fn is_writing(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Carries out the oldest order. Gives its ticket.
    pub(super) fn carry_out(&mut self) -> Option<Ticket> {
        let (ticket, order) = self.under_way.pop_front()?;
        let DiskOrder::Write(records) = order else {
            panic!("only rows are written");
        };
        for record in records {
            let key = (record.table, record.key);
            match record.value {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
        Some(ticket)
    }

    /// Its program ends, the oldest order carried out or not; the others are lost.
    pub(super) fn end(&mut self, written: bool) {
        if written {
            self.carry_out();
        }
        self.under_way.clear();
    }

    pub(super) fn rows(&self, table: Table) -> Vec<Row> {
        let rows = self.rows.iter().filter(|((of, _), _)| *of == table);
        rows.map(|((_, key), value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Letters that the rows of a table are about; `id` finds their names in the keys.
    pub(super) fn letters(
        &self,
        table: Table,
        id: fn(&[u8]) -> Option<[u8; 16]>,
    ) -> impl Iterator<Item = LetterId> {
        let rows = self.rows.keys().filter(move |(of, _)| *of == table);
        rows.filter_map(move |(_, key)| id(key).map(LetterId))
    }

    /// Everything that makes a difference: not the tickets, and of rows the keys.
    pub(super) fn held(&self) -> String {
        let orders: Vec<&DiskOrder> = self.under_way.iter().map(|(_, order)| order).collect();
        let rows: Vec<_> = self.rows.keys().collect();
        format!("{rows:?} {orders:?}")
    }
}
