//! The steps of a look. It is counted once the picture is painted, and given back if it is not.

use bytes::Bytes;

use super::super::event::Order;
use super::super::model::errand::Errand;
use super::super::model::look::{Look, PAINT_MAX_MS, Step};
use super::super::model::tray::looks;
use super::super::model::{Message, Model};
use crate::proto::control::{Command, Failure, Outcome, Reason};
use crate::proto::ids::GrantId;

/// Opens the picture of a grant; the person has agreed to spend a look.
pub(super) fn open(model: &mut Model, grant: GrantId) -> Vec<Order> {
    let Some(lease) = model.lease(grant) else {
        return Vec::new();
    };
    let look = Look {
        grant,
        name: lease.name.clone(),
        peer: lease.peer.clone(),
        step: Step::Opening,
        view: None,
        left: lease.left(),
        ordinal: None,
        show_ms: None,
    };
    model.look = Some(look);
    vec![model.wish(Errand::Open(grant), Command::View(grant.hex()))]
}

/// The node opened the picture, or the person gave it up meanwhile.
pub(super) fn opened(model: &mut Model, errand: &Errand, outcome: Outcome) -> Vec<Order> {
    let Outcome::Opened {
        view,
        original,
        left_after,
        show_ms,
        ..
    } = outcome
    else {
        return Vec::new();
    };
    let waits = matches!(errand, Errand::Open(_));
    let now = model.now;
    match model.look.as_mut() {
        Some(look) if waits && look.step == Step::Opening => {
            look.view = Some(view);
            look.left = left_after;
            look.show_ms = show_ms;
            look.step = Step::Painting(now);
            vec![Order::Paint(original)]
        }
        _ => vec![model.wish(Errand::GiveBack, Command::LetGo(view))],
    }
}

/// The node did not open it.
pub(super) fn refused(model: &mut Model, failure: Failure) -> Vec<Order> {
    model.look = None;
    model.bad(failure);
    Vec::new()
}

/// The picture is on the screen: now the look counts.
pub(super) fn painted(model: &mut Model) -> Vec<Order> {
    let now = model.now;
    let Some(look) = model.look.as_mut() else {
        return vec![Order::Wipe];
    };
    let (Step::Painting(_), Some(view)) = (look.step, look.view) else {
        return Vec::new();
    };
    look.step = Step::Shown(now);
    vec![model.wish(Errand::Count, Command::Shown(view))]
}

/// The picture cannot be shown: nothing counts.
pub(super) fn not_painted(model: &mut Model, why: String) -> Vec<Order> {
    let Some(look) = &model.look else {
        return Vec::new();
    };
    let Step::Painting(_) = look.step else {
        return Vec::new();
    };
    let hint = "the look was given back; nothing was counted";
    give_back(model, Failure::new(Reason::BadPicture, why, hint))
}

fn give_back(model: &mut Model, failure: Failure) -> Vec<Order> {
    let look = model.look.take();
    model.bad(failure);
    let mut orders = vec![Order::Wipe];
    if let Some(view) = look.and_then(|look| look.view) {
        orders.push(model.wish(Errand::GiveBack, Command::LetGo(view)));
    }
    orders
}

/// The look is counted.
pub(super) fn counted(model: &mut Model, ordinal: u32, left: u32) -> Vec<Order> {
    match model.look.as_mut() {
        Some(look) => {
            look.ordinal = Some(ordinal);
            look.left = left;
        }
        None => model.good(format!("look {ordinal} counted, {} left", looks(left))),
    }
    model.ask(Errand::Leases).into_iter().collect()
}

/// The picture goes behind nothing that others could see past.
pub(super) fn focused(model: &mut Model, on: bool) -> Vec<Order> {
    if on {
        return Vec::new();
    }
    let Some(look) = model.look.as_mut() else {
        return Vec::new();
    };
    match look.step {
        Step::Shown(_) => {
            look.step = Step::Blank;
            vec![Order::Wipe]
        }
        Step::Painting(_) => give_back(
            model,
            Failure::new(
                Reason::Other,
                "the window lost the focus before the picture was shown",
                "nothing was counted; look again",
            ),
        ),
        Step::Opening | Step::Blank => Vec::new(),
    }
}

/// Any key closes.
pub(super) fn close(model: &mut Model) -> Vec<Order> {
    let Some(look) = model.look.take() else {
        return Vec::new();
    };
    match look.step {
        Step::Opening => {
            for errand in model.errands.values_mut() {
                if matches!(errand, Errand::Open(_)) {
                    *errand = Errand::OpenGivenUp;
                }
            }
            model.good("not opened; nothing was counted");
            Vec::new()
        }
        // It may be on the screen by now: whoever saw it has looked.
        Step::Painting(_) => {
            model.look = Some(look);
            Vec::new()
        }
        Step::Shown(_) | Step::Blank => {
            if model.message.is_none()
                && let Some(ordinal) = look.ordinal
            {
                let left = looks(look.left);
                let text = format!("{} closed: look {ordinal} counted, {left} left", look.name);
                model.message = Some(Message::Good(text));
            }
            vec![Order::Wipe]
        }
    }
}

/// The program ends.
pub(super) fn leave(model: &mut Model) -> Vec<Order> {
    match model.look.as_ref().map(|look| look.step) {
        Some(Step::Painting(_)) => give_back(
            model,
            Failure::new(Reason::Other, "the program ends", "nothing was counted"),
        ),
        _ => close(model),
    }
}

/// Time passes.
pub(super) fn tick(model: &mut Model) -> Vec<Order> {
    let now = model.now;
    let Some(look) = &model.look else {
        return Vec::new();
    };
    match look.step {
        Step::Shown(_) if look.closes_in_ms(now) == Some(0) => close(model),
        Step::Painting(since) if now.0.saturating_sub(since.0) > PAINT_MAX_MS => give_back(
            model,
            Failure::new(
                Reason::Other,
                "the picture could not be painted in time",
                "nothing was counted; look again, or in another terminal",
            ),
        ),
        _ => Vec::new(),
    }
}

/// Bytes of the samples that a new home may offer.
pub(super) fn samples() -> [(&'static str, Bytes); 2] {
    let first: &[u8] = include_bytes!("../../../assets/covers/cover-0.png");
    let second: &[u8] = include_bytes!("../../../assets/covers/cover-1.png");
    [
        ("sample-1.png", Bytes::from_static(first)),
        ("sample-2.png", Bytes::from_static(second)),
    ]
}
