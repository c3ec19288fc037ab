//! Live news: server-sent events with the node's own numbers, so that a browser that lost its
//! connection hears what it missed. A stream ends with an event `drain` when the gallery does.

use core::time::Duration;
use std::convert::Infallible;

use actix_web::web::Data;
use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use tokio::sync::watch;

use super::desk::Watch;
use super::state::State;
use crate::proto::lease::EndReason;
use crate::proto::notice::{LeaseNews, Notice, Noticed};

/// A sign of life after so much silence.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A browser tries again after so many milliseconds.
const RETRY_MS: u32 = 2_000;

/// One live connection.
pub(super) struct Live {
    state: Data<State>,
    watch: Watch,
    drain: watch::Receiver<bool>,
    has_begun: bool,
    is_over: bool,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.state.streams.leave();
    }
}

impl Live {
    /// A connection that has its place among the streams already.
    pub(super) fn new(state: Data<State>, watch: Watch) -> Self {
        let drain = state.drain.clone();
        Self {
            state,
            watch,
            drain,
            has_begun: false,
            is_over: false,
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        if !self.has_begun {
            self.has_begun = true;
            return Some(format!("retry: {RETRY_MS}\n: hello\n\n").into());
        }
        tokio::select! {
            // The gallery ends, or is gone already.
            _ = self.drain.wait_for(|is_draining| *is_draining) => {
                self.is_over = true;
                Some(Bytes::from_static(b"event: drain\ndata: the gallery ends\n\n"))
            }
            heard = tokio::time::timeout(HEARTBEAT, self.watch.notices.recv()) => match heard {
                Ok(Some(noticed)) => Some(event(&noticed).into()),
                Ok(None) => {
                    self.is_over = true;
                    Some(Bytes::from_static(b"event: lost\ndata: your client is gone\n\n"))
                }
                Err(_) => Some(Bytes::from_static(b": still here\n\n")),
            },
        }
    }

    /// The events as they go to the browser.
    pub(super) fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        unfold(self, async |mut live: Self| {
            let bytes = live.next().await?;
            Some((Ok(bytes), live))
        })
    }
}

/// A notice as an event.
fn event(noticed: &Noticed) -> String {
    let data = serde_json::json!({
        "text": text(&noticed.notice),
        "at_ms": noticed.at.0,
        "notice": noticed.notice,
    });
    format!("id: {}\nevent: news\ndata: {data}\n\n", noticed.number)
}

/// A notice in words.
pub(super) fn text(notice: &Notice) -> String {
    match notice {
        Notice::AskArrived {
            peer, image, views, ..
        } => format!("@{peer} asks for {} at {image}", looks(*views)),
        Notice::AskAnswered {
            peer,
            image,
            views: Some(views),
            ..
        } => format!("@{peer} granted {} at {image}", looks(*views)),
        Notice::AskAnswered { peer, image, .. } => format!("@{peer} said no to {image}"),
        Notice::AskWithdrawn { peer, .. } => format!("@{peer} took a question back"),
        Notice::Offers => "Your pictures changed".to_owned(),
        Notice::Lease {
            name,
            ours,
            peer,
            left,
            what,
            ..
        } => {
            let whose = if *ours { "to" } else { "from" };
            let picture = format!("{name} {whose} @{peer}");
            match what {
                LeaseNews::Granted => format!("{picture}: {} granted", looks(*left)),
                LeaseNews::Delivered => format!("{picture} has arrived"),
                LeaseNews::Viewed { ordinal } => {
                    format!("{picture}: look {ordinal} counted, {left} left")
                }
                LeaseNews::Changed => format!("{picture}: now {} left", looks(*left)),
                LeaseNews::Ended(EndReason::Spent) => format!("{picture}: no looks left"),
                LeaseNews::Ended(EndReason::Expired) => format!("{picture}: its time is over"),
                LeaseNews::Ended(EndReason::Revoked) => format!("{picture} was taken back"),
                LeaseNews::Ended(EndReason::Copied) => {
                    format!("{picture} was ended: two copies of the client were used")
                }
            }
        }
    }
}

/// So many looks.
pub(super) fn looks(count: u32) -> String {
    match count {
        1 => "1 look".to_owned(),
        _ => format!("{count} looks"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ids::GrantId;
    use crate::time::WallTime;

    #[test]
    fn an_event_has_its_number_and_stays_on_one_line() {
        let noticed = Noticed {
            number: 42,
            at: WallTime(7),
            notice: Notice::Lease {
                grant: GrantId([1; 16]),
                name: "two\nlines".into(),
                ours: false,
                peer: "alice".into(),
                left: 1,
                what: LeaseNews::Viewed { ordinal: 2 },
            },
        };
        let event = event(&noticed);
        let lines: Vec<&str> = event.lines().collect();
        assert_eq!(lines.len(), 4, "{event:?}");
        assert_eq!(lines[0], "id: 42");
        assert!(lines[2].starts_with("data: {") && lines[3].is_empty());
        assert!(event.contains("look 2 counted, 1 left"));
    }
}
