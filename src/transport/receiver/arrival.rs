//! What one fragment does to its message: it may begin it, tell what it is, join it with what was
//! kept of an earlier attempt, or complete it.

use core::time::Duration;

use super::assembly::{Assembly, Unreadable, Verdict};
use super::{ANSWER_EVERY, FragmentReceiver, PACE_WINDOW, ReceiverEvent, Taken};
use crate::planted::{self, Bug};
use crate::proto::ids::TransferId;
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::time::Moment;
use crate::transport::budget::Budget;
use crate::transport::message::{Fragment, Standing};
use crate::transport::pool::Pool;

impl FragmentReceiver {
    /// A fragment of a message that is not open.
    pub(super) fn on_first(
        &mut self,
        now: Moment,
        fragment: &Fragment<'_>,
        budget: &mut Budget,
        pool: &Pool,
    ) -> Taken {
        let number = fragment.message;
        if let Some(end) = self.ended.find(number) {
            if let Some(end) = end
                && now >= end.answered_at.after(ANSWER_EVERY)
            {
                end.answered_at = now;
                self.say(number);
            }
            return Taken::Duplicate;
        }
        let total_bytes = u64::from(fragment.total_bytes);
        if !(1..=MESSAGE_MAX_BYTES as u64).contains(&total_bytes) {
            return self.deny(now, number, budget);
        }
        let mut assembly = Assembly::new(now, fragment.total_bytes);
        match assembly.judge(fragment) {
            Verdict::Take if self.open.len() < self.config.transfers_max => {
                if self.open.len() == 0 {
                    self.paced = (now, self.taken_bytes);
                }
                let place = self.open.insert(number, assembly);
                self.arm(now.after(PACE_WINDOW));
                self.take(now, place, fragment, budget, pool)
            }
            Verdict::Take => self.turn_away(now, number, budget),
            Verdict::Beyond | Verdict::Here => Taken::NotTaken,
            Verdict::Malformed => self.deny(now, number, budget),
        }
    }

    /// Takes a fragment that is to be taken, if there is room.
    pub(super) fn take(
        &mut self,
        now: Moment,
        place: usize,
        fragment: &Fragment<'_>,
        budget: &mut Budget,
        pool: &Pool,
    ) -> Taken {
        let (number, index) = (fragment.message, fragment.index);
        let assembly = self.open.at(place);
        let growth = assembly.growth_bytes(index, fragment.data.len());
        if growth > 0 {
            let is_first = assembly.arrived == 0;
            let before = if is_first { 0 } else { assembly.memory_bytes() };
            if !self.make_room(now, number, growth, budget) {
                if planted::is(Bug::AckedBeforeKept) {
                    return Taken::New;
                }
                return self.turn_away(now, number, budget);
            }
            // What made room was newer, so the place is the same.
            let assembly = self.open.at(place);
            assembly.place(now, index, fragment.data);
            let after = assembly.memory_bytes();
            self.charge(before, after, budget);
        } else {
            assembly.place(now, index, fragment.data);
        }
        self.taken_bytes += fragment.data.len() as u64;
        self.has_progress = true;
        let assembly = self.open.at(place);
        if assembly.told.is_none() {
            match assembly.read_manifest() {
                Ok(false) => {}
                Ok(true) => return self.on_manifest(now, number, budget, pool),
                Err(Unreadable) => {
                    return self.close(now, number, Some(Standing::Damaged), budget);
                }
            }
        }
        self.advance(now, number, budget, pool)
    }

    /// The manifest of a message was read.
    fn on_manifest(&mut self, now: Moment, number: u32, budget: &mut Budget, pool: &Pool) -> Taken {
        let place = self.open.find(number);
        let Some(told) = place.and_then(|place| self.open.at(place).told.as_ref()) else {
            return Taken::Duplicate;
        };
        let (id, manifest) = (told.id, told.manifest);
        if self.ended.has_transfer(id) {
            return self.close(now, number, Some(Standing::Complete), budget);
        }
        let has_id = |one: &Assembly| one.told.as_ref().is_some_and(|told| told.id == id);
        let mut all = self.open.iter();
        let other = all
            .find(|one| one.0 != number && has_id(one.1))
            .map(|one| one.0);
        drop(all);
        if let Some(other) = other {
            if other > number {
                return self.close(now, number, None, budget);
            }
            if let Some(assembly) = self.open.remove(other) {
                self.end(now, other, None, assembly.first_missing);
                self.kept.insert(id, assembly);
            }
        }
        if self.kept.contains_key(&id) {
            return self.resume(now, number, id, budget, pool);
        }
        self.events.push_back(ReceiverEvent::Started {
            cargo: manifest.cargo,
            size_bytes: manifest.size_bytes,
        });
        if self
            .open
            .find(number)
            .is_some_and(|place| self.open.at(place).has_more_to_ask())
        {
            // Perhaps its sender waits to hear what is left here of an earlier attempt: nothing.
            self.say(number);
        }
        self.advance(now, number, budget, pool)
    }

    /// A message goes on that is kept from an earlier session or number.
    fn resume(
        &mut self,
        now: Moment,
        number: u32,
        id: TransferId,
        budget: &mut Budget,
        pool: &Pool,
    ) -> Taken {
        let Some(mut kept) = self.kept.remove(&id) else {
            return Taken::Duplicate;
        };
        let next = self.open.find(number).map(|place| &*self.open.at(place));
        let growth = next.map_or(0, |next| kept.joining_bytes(next));
        if !self.make_room(now, number, growth, budget) {
            self.kept.insert(id, kept);
            return self.turn_away(now, number, budget);
        }
        let Some(next) = self.open.remove(number) else {
            return Taken::Duplicate;
        };
        let before = kept.memory_bytes() + next.memory_bytes();
        kept.go_on(now, &next, pool);
        drop(next);
        self.charge(before, kept.memory_bytes(), budget);
        self.open.insert(number, kept);
        self.say(number);
        self.advance(now, number, budget, pool)
    }

    /// What follows from new bytes: a buffer, the digest, credit, the end.
    fn advance(&mut self, now: Moment, number: u32, budget: &mut Budget, pool: &Pool) -> Taken {
        let Some(place) = self.open.find(number) else {
            return Taken::Duplicate;
        };
        let assembly = self.open.at(place);
        if assembly.is_whole() {
            return self.finish(now, number, budget, pool);
        }
        if let Some(growth) = assembly.settling_bytes() {
            if !self.make_room(now, number, growth, budget) {
                return self.turn_away(now, number, budget);
            }
            let assembly = self.open.at(place);
            let before = assembly.memory_bytes();
            assembly.settle(pool);
            let after = assembly.memory_bytes();
            self.charge(before, after, budget);
        }
        let config = self.config;
        let assembly = self.open.at(place);
        assembly.digest();
        if assembly.renew_credit(&config) {
            self.say(number);
        }
        Taken::New
    }

    fn finish(&mut self, now: Moment, number: u32, budget: &mut Budget, pool: &Pool) -> Taken {
        let Some(assembly) = self.open.remove(number) else {
            return Taken::Duplicate;
        };
        if !planted::is(Bug::MemoryNotReturned) {
            self.charge(assembly.memory_bytes(), 0, budget);
        }
        let first_missing = assembly.first_missing;
        let told = assembly.told.as_ref().map(|told| (told.id, told.manifest));
        let Some((id, manifest)) = told else {
            return self.damaged(now, number, first_missing);
        };
        let Some(body) = assembly.into_body(pool) else {
            return self.damaged(now, number, first_missing);
        };
        let until = now.after(Duration::from_millis(self.config.remember_ms));
        self.ended.add_transfer(id, until);
        let cargo = manifest.cargo;
        self.events
            .push_back(ReceiverEvent::Received { cargo, body });
        self.complete(now, number, first_missing);
        Taken::Last
    }

    fn damaged(&mut self, now: Moment, number: u32, first_missing: u32) -> Taken {
        self.end(now, number, Some(Standing::Damaged), first_missing);
        Taken::Last
    }
}
