//! Changes of grants, and one grant in full.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Person, odd, petname};
use crate::cli::args::LeaseVerb;
use crate::cli::failure::{self, Ended, PENDING};
use crate::cli::render;
use crate::proto::control::{Command, Failure, Outcome, Reason};
use crate::proto::ids::GrantId;
use crate::proto::lease::{Change, EndReason};
use crate::proto::outcome::{Lease, Posted};
use crate::talk::session::Session;
use crate::terminal::when;
use crate::time::WallTime;

impl Person {
    pub(super) fn lease(&self, session: &mut Session, verb: LeaseVerb) -> Ended {
        let (lease, change) = match verb {
            LeaseVerb::Ls => return self.simple(session, Command::Leases),
            LeaseVerb::Show { lease } => return self.show_lease(session, &lease),
            LeaseVerb::Add { lease, views } => (lease, Change::Add(views)),
            LeaseVerb::Sub { lease, views } => (lease, Change::Sub(views)),
            LeaseVerb::Set { lease, views } => (lease, Change::Set(views)),
            LeaseVerb::Refund { lease } => (lease, Change::Refund),
            LeaseVerb::Until { lease, when } => (lease, Change::Until(date_or_never(&when)?)),
            LeaseVerb::Take {
                lease,
                looks,
                until,
            } => return self.take_looks(session, lease, looks, until.as_deref()),
            LeaseVerb::Return { lease } => {
                return self.simple(session, Command::ReturnLooks { lease });
            }
            LeaseVerb::Revoke { lease, all: true } => {
                return self.revoke_all(session, lease.as_deref().map(petname));
            }
            LeaseVerb::Revoke { lease, .. } => (lease.unwrap_or_default(), Change::Revoke),
        };
        let (text, json, posted) = adjust(session, lease, change)?;
        self.output.line(text, json);
        Ok(ended(posted == Posted::Direct))
    }

    /// Revokes whatever still gives looks, to everybody or to one peer.
    fn revoke_all(&self, session: &mut Session, peer: Option<String>) -> Ended {
        let is_revoked = |lease: &Lease| {
            let reason = lease.ended.map(|ended| ended.reason);
            reason == Some(EndReason::Revoked)
        };
        let mut wanted = leases(session)?;
        wanted.retain(|lease| {
            lease.ours && !is_revoked(lease) && peer.as_ref().is_none_or(|peer| *peer == lease.peer)
        });
        let question = format!("this revokes {} leases. Go on? [y/N] ", wanted.len());
        if !wanted.is_empty() && !self.agreed(&question)? {
            return Ok(0);
        }
        let (mut texts, mut items, mut is_direct) = (Vec::new(), Vec::new(), true);
        for lease in wanted {
            let (text, json, posted) = adjust(session, lease.grant.hex(), Change::Revoke)?;
            texts.push(format!("@{}/{}: {text}", lease.peer, lease.name));
            items.push(json);
            is_direct &= posted == Posted::Direct;
        }
        if texts.is_empty() {
            texts.push("nothing to revoke".to_owned());
        }
        self.output.line(texts.join("\n"), Value::Array(items));
        Ok(ended(is_direct))
    }

    fn take_looks(
        &self,
        session: &mut Session,
        lease: String,
        looks: Option<u32>,
        until: Option<&str>,
    ) -> Ended {
        let until = until.map(date).transpose()?;
        let take = Command::TakeLooks {
            lease,
            looks,
            until,
        };
        self.simple(session, take)
    }

    fn show_lease(&self, session: &mut Session, lease: &str) -> Ended {
        let leases = leases(session)?;
        let wanted = lease.trim_start_matches('@');
        let found = leases.iter().find(|known| {
            known.grant.hex().starts_with(wanted)
                || format!("{}/{}", known.peer, known.name) == wanted
        });
        let found = found.ok_or_else(|| {
            Failure::new(
                Reason::NotFound,
                format!("no lease {lease}"),
                "list them with `pentimento lease ls`",
            )
        })?;
        let outcome = session.ask(Command::Ledger(Some(found.grant.hex())), |_| {})?;
        let Outcome::Ledger(entries) = outcome else {
            return Err(odd(&outcome));
        };
        self.output.say(&render::lease_story(found, &entries));
        Ok(0)
    }
}

fn leases(session: &mut Session) -> Result<Vec<Lease>, Failure> {
    match session.ask(Command::Leases, |_| {})? {
        Outcome::Leases(leases) => Ok(leases),
        other => Err(odd(&other)),
    }
}

fn adjust(
    session: &mut Session,
    lease: String,
    change: Change,
) -> Result<(String, Value, Posted), Failure> {
    let outcome = session.ask(Command::Adjust { lease, change }, |_| {})?;
    let Outcome::Adjusted {
        grant,
        left,
        posted,
    } = outcome
    else {
        return Err(odd(&outcome));
    };
    Ok((
        adjusted(grant, left, change, posted),
        json!({ "lease": grant.hex(), "left": left, "posted": word(posted) }),
        posted,
    ))
}

/// The stable word for how a letter went, as in JSON.
const fn word(posted: Posted) -> &'static str {
    match posted {
        Posted::Direct => "direct",
        Posted::Mailbox => "mailbox",
        Posted::Queued => "queued",
        Posted::Lost => "lost",
    }
}

fn adjusted(grant: GrantId, left: u32, change: Change, posted: Posted) -> String {
    let until = match change {
        Change::Until(Some(until)) => format!(" until {until} UTC"),
        Change::Until(None) => " without an end date".to_owned(),
        _ => String::new(),
    };
    let how = render::posted(posted);
    format!("lease {grant}: {left} looks left{until}; {how}")
}

const fn ended(is_direct: bool) -> u8 {
    if is_direct { 0 } else { PENDING }
}

fn date_or_never(text: &str) -> Result<Option<WallTime>, Failure> {
    if text == "never" {
        return Ok(None);
    }
    date(text).map(Some)
}

/// The date that a person means.
///
/// # Errors
/// If it is none.
pub(super) fn date(text: &str) -> Result<WallTime, Failure> {
    when::parse(text, now())
        .map_err(|error| failure::usage(format!("{text:?} is no date"), error.to_string()))
}

/// Milliseconds that a look lasts.
///
/// # Errors
/// If the text is no span, or one that no number of milliseconds fits.
pub(super) fn show_ms(text: &str) -> Result<u32, Failure> {
    let span = when::parse_span(text).ok();
    span.and_then(|span| u32::try_from(span).ok())
        .ok_or_else(|| failure::usage(format!("{text:?} is no time"), "write 30s or 5m"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person's `7d` counts from the moment at which it is typed"
)]
fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since_ms = since.map_or(0, |since| since.as_millis());
    WallTime(u64::try_from(since_ms).unwrap_or(u64::MAX))
}
