//! Looks at pictures that are still on their way.
//!
//! A picture comes after its grant, and comes again when looks are added to a grant that had ended.
//! Who wants to look in between waits for it a little, instead of being told to try again.

use super::received::FileState;
use super::{LeaseManager, Output, failed, failures};
use crate::actors::machine::Outbox;
use crate::proto::ids::{GrantId, WishId};
use crate::time::Moment;

/// Wishes that wait at the most; one more is told at once that its picture is not here.
const AWAITED_MAX: usize = 16;

/// A wish to look at a picture that is not here yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    id: GrantId,
    wish: WishId,
    /// Then it is told that the picture is not here.
    pub(super) until: Moment,
}

impl LeaseManager {
    /// Lets a wish wait for its picture; false if there is nothing to wait for, or no room.
    pub(super) fn await_picture(&mut self, now: Moment, id: GrantId, wish: WishId) -> bool {
        let comes = self.received.get(&id).is_some_and(|lease| {
            lease.ended.is_none() && lease.left() > 0 && lease.file != FileState::Here
        });
        if !comes || self.awaited.len() >= AWAITED_MAX {
            return false;
        }
        let until = self.after(now, self.config.picture_wait_ms);
        self.awaited.push(Awaited { id, wish, until });
        true
    }

    /// The picture of a grant is here: who waited for it looks.
    pub(super) fn picture_came(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let came = self.awaited.extract_if(.., |awaited| awaited.id == id);
        for Awaited { wish, .. } in came.collect::<Vec<_>>() {
            self.view_found(now, id, wish, out);
        }
    }

    /// Tells those who have waited long enough.
    pub(super) fn end_awaited(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let late = self.awaited.extract_if(.., |awaited| awaited.until <= now);
        for Awaited { id, wish, .. } in late.collect::<Vec<_>>() {
            let why = self.may_view(id).err();
            out.push(failed(wish, why.unwrap_or_else(failures::too_slow)));
        }
    }
}
