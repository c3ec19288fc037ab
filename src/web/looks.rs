//! Looks on their way to the screen: which picture may be sent once, and what the node is told.
//!
//! A look is *claimed* when the node has opened the picture, *sending* while the browser takes it,
//! *sent* when the last byte is out, and *counted* when it was painted. Without a script nobody
//! tells that it was painted, so the last byte counts it. What was sent but never reported as
//! painted is counted too, as cut short: its bytes are gone. What was not sent whole is let go.
//! Invariant: the bytes are given once, and every look ends in exactly one order to the node.

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::proto::ids::{GrantId, ViewId};
use crate::time::Moment;

/// Looks on their way at a time; each may hold a whole picture.
pub(super) const LOOKS_MAX: usize = 8;
/// How long the bytes wait to be taken, and how long taking them may last.
pub(super) const CLAIM_LIFE: Duration = Duration::from_secs(50);
/// How long a script may take from the last byte to the first paint.
pub(super) const PAINT_LIFE: Duration = Duration::from_secs(10);
/// How long a look without its own limit is told as open.
pub(super) const OPEN_LIFE: Duration = Duration::from_secs(300);
/// Looks that are remembered as cut short.
const CUT_SHORT_MAX: usize = 64;

/// The random name of a look's address.
pub(super) type LookKey = [u8; 16];

/// A picture that the node has opened.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    /// The look.
    pub(super) view: ViewId,
    /// The grant.
    pub(super) grant: GrantId,
    /// The picture.
    pub(super) bytes: Bytes,
    /// Its media type.
    pub(super) media: &'static str,
    /// It closes by itself after so many milliseconds.
    pub(super) show_ms: Option<u32>,
}

/// What the node has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The picture was seen: count it.
    Shown(ViewId),
    /// The picture was not seen: count nothing.
    LetGo(ViewId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Claimed,
    Sending { is_plain: bool },
    Sent,
    Counted,
}

#[derive(Debug)]
struct Look {
    opened: Opened,
    phase: Phase,
    until: Moment,
}

/// All looks on their way.
#[derive(Debug, Default)]
pub(super) struct Looks {
    open: BTreeMap<LookKey, Look>,
    cut_short: Vec<GrantId>,
}

impl Looks {
    /// Keeps a claimed picture. False if too many are on their way: it must be let go.
    #[must_use]
    pub(super) fn open(&mut self, now: Moment, key: LookKey, opened: Opened) -> bool {
        let held = self
            .open
            .values()
            .filter(|look| look.phase != Phase::Counted);
        if held.count() >= LOOKS_MAX {
            return false;
        }
        let look = Look {
            opened,
            phase: Phase::Claimed,
            until: now.after(CLAIM_LIFE),
        };
        self.open.insert(key, look);
        true
    }

    /// The bytes with their media type, once. `is_plain`: the browser runs no script of ours.
    pub(super) fn take(
        &mut self,
        now: Moment,
        key: &LookKey,
        is_plain: bool,
    ) -> Option<(Bytes, &'static str)> {
        let look = self.open.get_mut(key)?;
        if look.phase != Phase::Claimed || look.until <= now {
            return None;
        }
        look.phase = Phase::Sending { is_plain };
        look.until = now.after(CLAIM_LIFE);
        let bytes = core::mem::take(&mut look.opened.bytes);
        Some((bytes, look.opened.media))
    }

    /// The last byte is out.
    pub(super) fn sent(&mut self, now: Moment, key: &LookKey) -> Option<Order> {
        let look = self.open.get_mut(key)?;
        match look.phase {
            Phase::Sending { is_plain: true } => Some(look.count(now)),
            Phase::Sending { is_plain: false } => {
                look.phase = Phase::Sent;
                look.until = now.after(PAINT_LIFE);
                None
            }
            _ => None,
        }
    }

    /// The browser went away before the last byte.
    pub(super) fn broken(&mut self, key: &LookKey) -> Option<Order> {
        match self.open.get(key)?.phase {
            Phase::Sending { .. } => self.let_go(key),
            _ => None,
        }
    }

    /// The script has painted it. Repeated, it is the same order again.
    pub(super) fn painted(&mut self, now: Moment, key: &LookKey) -> Option<Order> {
        let look = self.open.get_mut(key)?;
        match look.phase {
            Phase::Claimed => None,
            Phase::Counted => Some(Order::Shown(look.opened.view)),
            Phase::Sending { .. } | Phase::Sent => {
                let grant = look.opened.grant;
                let order = look.count(now);
                self.mend(grant);
                Some(order)
            }
        }
    }

    /// The script could not get it. Only what was not sent whole can be let go.
    pub(super) fn failed(&mut self, key: &LookKey) -> Option<Order> {
        match self.open.get(key)?.phase {
            Phase::Claimed | Phase::Sending { .. } => self.let_go(key),
            Phase::Sent | Phase::Counted => None,
        }
    }

    /// The person has closed the picture.
    pub(super) fn closed(&mut self, key: &LookKey) {
        if self
            .open
            .get(key)
            .is_some_and(|look| look.phase == Phase::Counted)
        {
            self.open.remove(key);
        }
    }

    /// What ran out of time.
    pub(super) fn due(&mut self, now: Moment) -> Vec<Order> {
        let late = self.open.iter().filter(|(_, look)| look.until <= now);
        let late: Vec<LookKey> = late.map(|(key, _)| *key).collect();
        let mut orders = Vec::new();
        for key in late {
            let Some(look) = self.open.remove(&key) else {
                continue;
            };
            let view = look.opened.view;
            match look.phase {
                Phase::Claimed | Phase::Sending { .. } => orders.push(Order::LetGo(view)),
                Phase::Sent => {
                    self.cut(look.opened.grant);
                    orders.push(Order::Shown(view));
                }
                Phase::Counted => {}
            }
        }
        orders
    }

    /// Everything that is still open, at the end of the program.
    pub(super) fn end(&mut self) -> Vec<Order> {
        for look in self.open.values_mut() {
            look.until = Moment::START;
        }
        self.due(Moment::START)
    }

    /// Whether a picture of this grant is on the screen or on its way there.
    pub(super) fn is_viewing(&self, grant: GrantId) -> bool {
        self.open.values().any(|look| look.opened.grant == grant)
    }

    /// Whether the last look of this grant was counted and cut short.
    pub(super) fn is_cut_short(&self, grant: GrantId) -> bool {
        self.cut_short.contains(&grant)
    }

    /// The look that was cut short is made good, or asked back.
    pub(super) fn mend(&mut self, grant: GrantId) {
        self.cut_short.retain(|other| *other != grant);
    }

    fn cut(&mut self, grant: GrantId) {
        self.mend(grant);
        if self.cut_short.len() >= CUT_SHORT_MAX {
            self.cut_short.remove(0);
        }
        self.cut_short.push(grant);
    }

    fn let_go(&mut self, key: &LookKey) -> Option<Order> {
        let look = self.open.remove(key)?;
        Some(Order::LetGo(look.opened.view))
    }
}

impl Look {
    fn count(&mut self, now: Moment) -> Order {
        self.phase = Phase::Counted;
        let show = |ms: u32| Duration::from_millis(ms.into());
        self.until = now.after(self.opened.show_ms.map_or(OPEN_LIFE, show));
        Order::Shown(self.opened.view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_millis(5);
    const GRANT: GrantId = GrantId([1; 16]);
    const VIEW: ViewId = ViewId([2; 16]);
    const KEY: LookKey = [3; 16];

    fn opened(show_ms: Option<u32>) -> Opened {
        Opened {
            view: VIEW,
            grant: GRANT,
            bytes: Bytes::from_static(b"picture"),
            media: "image/png",
            show_ms,
        }
    }

    fn claimed() -> Looks {
        let mut looks = Looks::default();
        assert!(looks.open(NOW, KEY, opened(None)));
        looks
    }

    #[test]
    fn the_bytes_are_given_once() {
        let mut looks = claimed();
        assert!(looks.take(NOW, &KEY, false).is_some());
        assert_eq!(looks.take(NOW, &KEY, false), None);
        assert_eq!(looks.take(NOW, &KEY, true), None);
    }

    #[test]
    fn paint_counts_and_may_be_repeated() {
        let mut looks = claimed();
        assert_eq!(looks.painted(NOW, &KEY), None, "nothing was taken yet");
        looks.take(NOW, &KEY, false).expect("bytes");
        assert_eq!(looks.sent(NOW, &KEY), None);
        assert_eq!(looks.painted(NOW, &KEY), Some(Order::Shown(VIEW)));
        assert_eq!(looks.painted(NOW, &KEY), Some(Order::Shown(VIEW)));
        assert_eq!(looks.failed(&KEY), None, "what was seen is not let go");
        assert!(looks.is_viewing(GRANT));
        assert_eq!(looks.due(NOW.after(OPEN_LIFE)), Vec::new());
        assert!(!looks.is_viewing(GRANT) && !looks.is_cut_short(GRANT));
    }

    #[test]
    fn without_a_script_the_last_byte_counts() {
        let mut looks = claimed();
        looks.take(NOW, &KEY, true).expect("bytes");
        assert_eq!(looks.sent(NOW, &KEY), Some(Order::Shown(VIEW)));
        assert_eq!(looks.sent(NOW, &KEY), None);
    }

    #[test]
    fn what_was_not_sent_whole_is_let_go() {
        let mut broken = claimed();
        broken.take(NOW, &KEY, false).expect("bytes");
        assert_eq!(broken.broken(&KEY), Some(Order::LetGo(VIEW)));
        assert_eq!(broken.painted(NOW, &KEY), None);
        let mut never = claimed();
        assert_eq!(never.due(NOW), Vec::new());
        assert_eq!(never.due(NOW.after(CLAIM_LIFE)), [Order::LetGo(VIEW)]);
        assert_eq!(never.take(NOW, &KEY, false), None);
        let mut failed = claimed();
        assert_eq!(failed.failed(&KEY), Some(Order::LetGo(VIEW)));
        assert_eq!(failed.failed(&KEY), None);
    }

    #[test]
    fn what_was_sent_and_not_painted_is_counted_as_cut_short() {
        let mut looks = claimed();
        looks.take(NOW, &KEY, false).expect("bytes");
        looks.sent(NOW, &KEY);
        assert_eq!(looks.failed(&KEY), None, "its bytes are gone");
        assert_eq!(looks.due(NOW.after(PAINT_LIFE)), [Order::Shown(VIEW)]);
        assert!(looks.is_cut_short(GRANT));
        looks.mend(GRANT);
        assert!(!looks.is_cut_short(GRANT));
    }

    #[test]
    fn so_many_pictures_are_held_and_no_more() {
        let mut looks = Looks::default();
        for number in 0..LOOKS_MAX {
            assert!(looks.open(NOW, [number as u8; 16], opened(None)));
        }
        assert!(!looks.open(NOW, [99; 16], opened(None)));
        assert_eq!(looks.end().len(), LOOKS_MAX);
        assert!(looks.open(NOW, [99; 16], opened(None)));
    }

    #[test]
    fn a_limited_look_ends_with_its_limit() {
        let mut looks = Looks::default();
        assert!(looks.open(NOW, KEY, opened(Some(2_000))));
        looks.take(NOW, &KEY, false).expect("bytes");
        looks.painted(NOW, &KEY);
        looks.due(NOW.after(Duration::from_millis(1_999)));
        assert!(looks.is_viewing(GRANT));
        looks.due(NOW.after(Duration::from_millis(2_000)));
        assert!(!looks.is_viewing(GRANT));
    }
}
