//! Which input goes where.

use super::{Input, Output, Sharing, asks, shares};
use crate::actors::machine::Outbox;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::LetterId;
use crate::proto::letter::Note;
use crate::time::{Moment, WallTime};

impl Sharing {
    pub(super) fn dispatch(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        match input {
            Input::OfferWanted {
                wish,
                name,
                original,
                keep_metadata,
            } => self.offer_wanted(now, wish, (name, original), keep_metadata, out),
            Input::GalleryWanted { wish, peer } => self.gallery_wanted(now, wish, peer, out),
            Input::AskWanted {
                wish,
                peer,
                image,
                views,
                remark,
                wait_ms,
            } => {
                let draft = asks::Draft {
                    image,
                    views,
                    remark,
                    wait_ms,
                };
                self.ask_wanted(now, wish, &peer, draft, out);
            }
            Input::RequestsWanted(wish) => self.requests_wanted(wish, out),
            Input::DecideWanted {
                wish,
                ask,
                views,
                reason,
            } => self.decide_wanted(now, wish, &ask, views, &reason, out),
            Input::WithdrawWanted { wish, ask } => self.withdraw_wanted(now, wish, &ask, out),
            Input::CancelWanted { wish, target } => self.cancel_wanted(now, wish, target, out),
            Input::ShareWanted {
                wish,
                name,
                original,
                to,
                views,
                conditions,
                carrier,
                keep_metadata,
            } => {
                let draft = shares::Draft {
                    name,
                    original,
                    views,
                    conditions,
                    carrier,
                    keep_metadata,
                };
                self.share_wanted(now, wish, &to, draft, out);
            }
            Input::RuleWanted { wish, peer, rule } => self.rule_wanted(now, wish, &peer, rule, out),
            Input::RulesWanted(wish) => self.rules_wanted(wish, out),
            answer => self.answer(now, answer, out),
        }
    }

    fn answer(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        match input {
            Input::NoteArrived {
                letter,
                from,
                posted_at,
                note,
            } => self.note_arrived(now, letter, from, posted_at, note, out),
            Input::Blocked(users) => self.blocked = users,
            Input::Found { ticket, who } => self.found(now, ticket, who, out),
            Input::MoreLooksAnswered { ticket, added } => {
                self.looks_answered(now, ticket, added, out);
            }
            Input::Making { ticket, progress } => self.making(ticket, progress, out),
            Input::Made {
                ticket,
                key,
                picture,
                cover,
                timings,
            } => {
                let made = shares::Made {
                    key,
                    picture,
                    cover,
                    timings,
                };
                self.made(now, ticket, made, out);
            }
            Input::NotMade { ticket, failure } => self.not_made(now, ticket, failure, out),
            Input::GrantOpened { ticket, opened } => self.grant_opened(now, ticket, opened, out),
            Input::Posted { ticket, how } => self.posted(ticket, how, out),
            Input::NotPosted { ticket, failure } => self.not_posted(ticket, failure, out),
            Input::Worked { ticket, done } => self.worked(now, ticket, done, out),
            Input::Disk { ticket, answer } => self.disk(now, ticket, answer, out),
            // Wishes; `handle` gives them to `dispatch` first.
            _ => {}
        }
    }

    fn note_arrived(
        &mut self,
        now: Moment,
        letter: LetterId,
        from: PublicIdentity,
        posted_at: WallTime,
        note: Note,
        out: &mut Outbox<Output>,
    ) {
        match note {
            Note::GalleryAsk { nonce, .. } => {
                out.push(Output::Kept(letter));
                self.show_gallery(from, nonce, out);
            }
            Note::Gallery {
                nonce,
                items,
                refused,
            } => {
                out.push(Output::Kept(letter));
                self.gallery_arrived(from, nonce, items, refused, out);
            }
            Note::ImageAsk(ask) => self.ask_arrived(now, letter, from, posted_at, ask, out),
            Note::Decision { ask, verdict } => {
                self.decision_arrived(now, letter, from, ask, verdict, out);
            }
            Note::Withdrawn(ask) => {
                self.withdrawal_arrived(now, letter, from, posted_at, ask, out);
            }
            // The lease manager's.
            Note::Grant(_)
            | Note::PictureAsk { .. }
            | Note::Adjust { .. }
            | Note::Report { .. } => {}
        }
    }
}
