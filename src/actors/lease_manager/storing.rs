//! Rows and files: what is written together, what follows when it is durable, what when not.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::super::edges::{DiskAnswer, DiskFault, DiskOrder, Record, Table, Ticket};
use super::given::Given;
use super::jobs::{Job, Mark, RowKey, Then};
use super::received::FileState;
use super::{DEVICE, GIVEN, LeaseManager, Output, RECEIVED, done, failed, failures, log};
use crate::actors::machine::Outbox;
use crate::proto::codec;
use crate::proto::control::Outcome;
use crate::proto::ids::GrantId;
use crate::time::Moment;

impl LeaseManager {
    /// Writes rows as they are now, in one transaction, with those that failed before.
    pub(super) fn store(
        &mut self,
        now: Moment,
        keys: Vec<RowKey>,
        then: Vec<Then>,
        out: &mut Outbox<Output>,
    ) {
        let mut keys: BTreeSet<RowKey> = keys.into_iter().collect();
        keys.append(&mut self.dirty);
        self.write(now, keys, then, out);
    }

    /// As [`Self::store`], for rows that were ordered before: they are written as they are now,
    /// for an older state must not follow a newer one.
    pub(super) fn write(
        &mut self,
        now: Moment,
        keys: BTreeSet<RowKey>,
        then: Vec<Then>,
        out: &mut Outbox<Output>,
    ) {
        let records = keys.iter().map(|key| self.record_of(*key)).collect();
        let marks = keys.iter().filter_map(|key| self.mark_of(*key)).collect();
        let job = Job::Write { keys, marks, then };
        let ticket = self.jobs.add(self.step_end(now), job);
        let order = DiskOrder::Write(records);
        out.push(Output::Disk { ticket, order });
    }

    fn record_of(&self, key: RowKey) -> Record {
        let lease_key = |side: u8, id: GrantId| [&[side], id.0.as_slice()].concat();
        match key {
            RowKey::Given(id) => Record {
                table: Table::Leases,
                key: lease_key(GIVEN, id),
                value: self
                    .given
                    .get(&id)
                    .map(|row| Bytes::from(codec::encode(row))),
            },
            RowKey::Received(id) => Record {
                table: Table::Leases,
                key: lease_key(RECEIVED, id),
                value: self
                    .received
                    .get(&id)
                    .map(|row| Bytes::from(codec::encode(row))),
            },
            RowKey::Device => Record {
                table: Table::Leases,
                key: vec![DEVICE],
                value: Some(Bytes::copy_from_slice(&self.device.0)),
            },
            RowKey::Log(id, entry) => Record {
                table: Table::Log,
                key: log::row_key(id, &entry),
                value: self.log.value(id, entry),
            },
        }
    }

    fn mark_of(&self, key: RowKey) -> Option<Mark> {
        let (granted_at, reached) = match key {
            RowKey::Given(id) => {
                let given = self.given.get(&id)?;
                (given.grant.granted_at, u64::from(given.last_sequence()))
            }
            RowKey::Received(id) => {
                let lease = self.received.get(&id)?;
                (lease.grant.granted_at, lease.noted())
            }
            RowKey::Device | RowKey::Log(..) => return None,
        };
        Some(Mark {
            key,
            granted_at,
            reached,
        })
    }

    pub(super) fn disk_answered(
        &mut self,
        now: Moment,
        ticket: Ticket,
        answer: DiskAnswer,
        out: &mut Outbox<Output>,
    ) {
        let Some(job) = self.jobs.take(ticket) else {
            return;
        };
        match (job, answer) {
            (Job::Write { keys, marks, then }, DiskAnswer::Written) => {
                self.is_new_device &= !keys.contains(&RowKey::Device);
                self.written(now, &marks, then, out);
            }
            (Job::Write { keys, then, .. }, answer) => {
                self.not_written(now, keys, then, &why(&answer), out);
            }
            (Job::KeepHidden(opening), DiskAnswer::Written) => self.install(now, *opening, out),
            (Job::KeepHidden(opening), answer) => not_opened(opening.ticket, &why(&answer), out),
            (Job::ReadHidden(id), DiskAnswer::Read(picture)) => {
                self.hidden_read(now, id, picture, out);
            }
            (Job::ReadHidden(id), _) => self.sending_ended(now, id),
            (Job::KeepReceived(id), DiskAnswer::Written) => self.picture_kept(now, id, out),
            (Job::ReadView(id, view), answer) => self.view_read(now, (id, view), answer, out),
            (Job::ReadSpent(id), answer) => self.spent_read(now, id, answer, out),
            (Job::KeepEmptied(id), DiskAnswer::Written) => {
                self.emptied(now, id, FileState::Emptied, out);
            }
            (Job::DeleteSpent(id), DiskAnswer::Written) => {
                self.emptied(now, id, FileState::Gone, out);
            }
            // Begun again when it is due.
            _ => {}
        }
    }

    fn written(&mut self, now: Moment, marks: &[Mark], then: Vec<Then>, out: &mut Outbox<Output>) {
        for mark in marks {
            match mark.key {
                RowKey::Given(id) => {
                    let is_this = |given: &&mut Given| given.grant.granted_at == mark.granted_at;
                    if let Some(given) = self.given.get_mut(&id).filter(is_this) {
                        let sequence = u32::try_from(mark.reached).unwrap_or(u32::MAX);
                        given.run.stored = given.run.stored.max(Some(sequence));
                    }
                }
                RowKey::Received(id) => {
                    if let Some(lease) = self.received.get_mut(&id) {
                        lease.run.durable = lease.run.durable.max(mark.reached);
                    }
                }
                RowKey::Device | RowKey::Log(..) => {}
            }
        }
        for then in then {
            self.carry_out(now, then, out);
        }
        for mark in marks {
            if let RowKey::Received(id) = mark.key {
                self.post_report(now, id, out);
            }
        }
    }

    fn carry_out(&mut self, now: Moment, then: Then, out: &mut Outbox<Output>) {
        match then {
            Then::Keep(letter) => out.push(Output::Kept(letter)),
            Then::Announce {
                grant,
                granted_at,
                ticket,
                old,
            } => self.announce(now, (grant, granted_at), ticket, old, out),
            Then::PostChange(made) => self.post_change(now, made, out),
            Then::Delivered(ticket) => out.push(Output::GrantOpened {
                ticket,
                opened: Ok(true),
            }),
            Then::ReadView(grant, view) => self.read_view(now, grant, view, out),
            Then::HandOut { wish, opened, .. } => out.push(done(wish, *opened)),
            Then::Counted {
                wish,
                ordinal,
                left,
            } => out.push(done(wish, Outcome::Counted { ordinal, left })),
            Then::Borrow {
                grant,
                checkout,
                wish,
            } => self.borrow_looks(now, grant, (checkout, wish), out),
            Then::Borrowed { wish, taken } => out.push(done(wish, *taken)),
            Then::CheckIn(grant) => self.send_check_in(now, grant, out),
            Then::Empty(grant) => self.empty(now, grant, out),
        }
    }

    fn not_written(
        &mut self,
        now: Moment,
        keys: BTreeSet<RowKey>,
        then: Vec<Then>,
        why: &str,
        out: &mut Outbox<Output>,
    ) {
        self.dirty.extend(keys);
        self.flush_at = self.due_end(now);
        for then in then {
            match then {
                // The letter comes again; the emptying is begun again when it is due.
                Then::Keep(_) | Then::Empty(_) | Then::CheckIn(_) => {}
                Then::Borrow { grant, wish, .. } => {
                    self.forget_taken(grant);
                    out.push(failed(wish, failures::disk("the looks", why)));
                }
                Then::Borrowed { wish, .. } => {
                    out.push(failed(wish, failures::disk("the looks", why)));
                }
                Then::Announce {
                    grant, ticket, old, ..
                } => {
                    self.uninstall(grant, old);
                    not_opened(ticket, why, out);
                }
                Then::PostChange(made) => {
                    if let Some(given) = self.given.get_mut(&made.grant) {
                        given.take_back(made.sequence);
                    }
                    self.change_failed(made.asker, why, out);
                }
                // It is true whatever our disk says.
                Then::Delivered(ticket) => out.push(Output::GrantOpened {
                    ticket,
                    opened: Ok(true),
                }),
                Then::ReadView(grant, view) => {
                    let is_this = |claim: &super::viewing::Claim| claim.view == view;
                    if self.claims.get(&grant).is_some_and(is_this) {
                        self.fail_view(now, grant, failures::disk("the look", why), out);
                    }
                }
                Then::HandOut {
                    grant, view, wish, ..
                } => {
                    let failure = failures::disk("the look", why);
                    self.not_handed_out(now, (grant, view), out);
                    out.push(failed(wish, failure));
                }
                Then::Counted { wish, .. } => {
                    out.push(failed(wish, failures::disk("the count", why)));
                }
            }
        }
    }
}

/// Tells who wanted a grant that the disk did not take it.
pub(super) fn not_opened(ticket: Ticket, why: &str, out: &mut Outbox<Output>) {
    let opened = Err(failures::disk("the grant", why));
    out.push(Output::GrantOpened { ticket, opened });
}

fn why(answer: &DiskAnswer) -> String {
    match answer {
        DiskAnswer::Failed(fault) => fault_text(fault),
        DiskAnswer::Written | DiskAnswer::Read(_) => "an answer to another order came".to_owned(),
    }
}

/// A fault of the disk in words.
pub(super) fn fault_text(fault: &DiskFault) -> String {
    match fault {
        DiskFault::Missing => "there is no such file".to_owned(),
        DiskFault::Refused => "the disk edge refuses it".to_owned(),
        DiskFault::Io(text) => text.clone(),
    }
}
