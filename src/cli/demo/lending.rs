//! The steps about lending: asked for, granted, looked at, changed, revoked, logged.

use super::stage::dimensions;
use super::stage_of;
use super::steps::{Play, Told, broken, until};
use crate::proto::control::{AskRule, Command, Failure, Outcome, Reason, Rule};
use crate::proto::lease::Change;
use crate::proto::letter::{ImageRef, Verdict};
use crate::proto::outcome::{Lease, Posted};
use crate::stego;

impl Play<'_> {
    pub(super) fn gallery(&self) -> Told {
        let original = self.picture()?.1.clone();
        self.ask(
            "alice",
            Command::Offer {
                name: "beach.jpg".into(),
                original,
                keep_metadata: false,
            },
        )?;
        let outcome = self.ask("bob", Command::Gallery(Some("alice".into())))?;
        let Outcome::Gallery { items, .. } = outcome else {
            return Err(broken("no gallery"));
        };
        let item = items
            .first()
            .ok_or_else(|| broken("the gallery is empty"))?;
        let preview = stego::decode(&item.preview, &stego::DecodeLimits::default())
            .map_err(|error| broken(error.to_string()))?;
        let (width, height) = (preview.width(), preview.height());
        if width.max(height) > 32 {
            return Err(broken("the preview is too large"));
        }
        Ok(format!(
            "{}: {width} x {height}, {} bytes",
            item.name,
            item.preview.len()
        ))
    }

    pub(super) fn negotiate(&mut self) -> Told {
        let outcome = self.ask(
            "bob",
            Command::Ask {
                peer: "alice".into(),
                image: ImageRef::Name("beach.jpg".into()),
                views: 3,
                remark: "for the wall".into(),
                wait_ms: 0,
            },
        )?;
        let Outcome::Asked { ask, verdict: None } = outcome else {
            return Err(broken("alice was not asked"));
        };
        until("the question does not reach alice", || {
            let Outcome::Requests(asks) = self.ask("alice", Command::Requests)? else {
                return Ok(None);
            };
            Ok(asks
                .iter()
                .any(|open| open.ask == ask && !open.ours)
                .then_some(()))
        })?;
        let decide = Command::Decide {
            ask: ask.hex(),
            views: Some(2),
            reason: String::new(),
        };
        self.ask("alice", decide)?;
        let lease = until("the grant does not reach bob", || {
            Ok(self.leases("bob")?.into_iter().find(|lease| !lease.ours))
        })?;
        self.grant = Some(lease.grant);
        Ok(format!(
            "lease {} with {} looks",
            lease.grant, lease.terms.granted
        ))
    }

    pub(super) fn leases(&self, name: &str) -> Result<Vec<Lease>, Failure> {
        match self.ask(name, Command::Leases)? {
            Outcome::Leases(leases) => Ok(leases),
            _ => Err(broken("no leases")),
        }
    }

    pub(super) fn lease(&self, name: &str) -> Result<Lease, Failure> {
        let grant = self.grant()?;
        let leases = self.leases(name)?.into_iter();
        let mut leases = leases.filter(|lease| lease.grant.hex() == grant);
        leases.next().ok_or_else(|| broken("the lease is gone"))
    }

    pub(super) fn arrives(&self) -> Told {
        let lease = until("the picture does not arrive", || {
            Ok(Some(self.lease("bob")?).filter(|lease| lease.delivered))
        })?;
        let file = lease.file.ok_or_else(|| broken("bob has no file"))?;
        let path = stage_of(self.stage)
            .home("bob")
            .join("received")
            .join(&file);
        let (width, height) = dimensions(&path).ok_or_else(|| broken("the file is no picture"))?;
        Ok(format!(
            "on bob's disk lies a landscape of {width} x {height}"
        ))
    }

    pub(super) fn look(&self, expected: u32) -> Told {
        let mut bob = self.talk("bob")?;
        let outcome = bob.ask(Command::View(self.grant()?), |_| {})?;
        let Outcome::Opened { view, original, .. } = outcome else {
            return Err(broken("not opened"));
        };
        if original != self.picture()?.1 {
            return Err(broken("other bytes were shown"));
        }
        match bob.ask(Command::Shown(view), |_| {})? {
            Outcome::Counted { ordinal, left } if ordinal == expected => {
                Ok(format!("counted as look {ordinal}, {left} left"))
            }
            other => Err(broken(format!("counted otherwise: {other:?}"))),
        }
    }

    pub(super) fn spent(&self) -> Told {
        let refused = match self.ask("bob", Command::View(self.grant()?)) {
            Err(failure) if failure.reason == Reason::QuotaSpent => failure.message,
            Err(failure) => return Err(failure),
            Ok(_) => return Err(broken("a third look was given")),
        };
        let file = self
            .lease("bob")?
            .file
            .ok_or_else(|| broken("the file is gone"))?;
        let path = stage_of(self.stage)
            .home("bob")
            .join("received")
            .join(&file);
        let (width, height) = dimensions(&path).ok_or_else(|| broken("no cover is left"))?;
        Ok(format!(
            "{refused}; the cover of {width} x {height} is shown"
        ))
    }

    pub(super) fn add_offline(&mut self) -> Told {
        stage_of(self.stage).strike("bob")?;
        let change = Change::Add(1);
        match self.ask(
            "alice",
            Command::Adjust {
                lease: self.grant()?,
                change,
            },
        )? {
            Outcome::Adjusted {
                posted: Posted::Mailbox,
                left,
                ..
            } => Ok(format!(
                "a majority of the servers has it on disk; {left} left"
            )),
            other => Err(broken(format!("not kept by the servers: {other:?}"))),
        }
    }

    pub(super) fn returns(&self) -> Told {
        stage_of(self.stage).enter("bob")?;
        until("the look does not come back", || {
            let lease = self.lease("bob")?;
            Ok((lease.terms.left() == 1 && lease.delivered).then_some(()))
        })?;
        let told = self.look(3)?;
        match self.ask("bob", Command::View(self.grant()?)) {
            Err(failure) if failure.reason == Reason::QuotaSpent => Ok(told),
            _ => Err(broken("the look was added more than once")),
        }
    }

    pub(super) fn rule(&self) -> Told {
        let rule = Some(Rule {
            previews: true,
            asks: AskRule::Grant(5),
        });
        self.ask(
            "alice",
            Command::SetRule {
                peer: "bob".into(),
                rule,
            },
        )?;
        let outcome = self.ask(
            "bob",
            Command::Ask {
                peer: "alice".into(),
                image: ImageRef::Index(0),
                views: 1,
                remark: String::new(),
                wait_ms: 10_000,
            },
        )?;
        match outcome {
            Outcome::Asked {
                verdict: Some(Verdict::Approved { views, .. }),
                ..
            } => Ok(format!("{views} more, nobody was asked")),
            other => Err(broken(format!("not granted: {other:?}"))),
        }
    }

    pub(super) fn revoke(&self) -> Told {
        until("the look of the rule does not reach bob", || {
            Ok(Some(self.lease("bob")?).filter(|lease| lease.terms.left() == 1))
        })?;
        self.ask(
            "alice",
            Command::Adjust {
                lease: self.grant()?,
                change: Change::Revoke,
            },
        )?;
        until("bob is not refused", || {
            match self.ask("bob", Command::View(self.grant()?)) {
                Err(failure) if failure.reason == Reason::Revoked => Ok(Some(failure.message)),
                _ => Ok(None),
            }
        })
    }

    pub(super) fn ledgers(&self) -> Told {
        let entries = until("the two logs differ", || {
            let of = |name| match self.ask(name, Command::Ledger(Some(self.grant()?)))? {
                Outcome::Ledger(entries) => Ok(entries),
                _ => Err(broken("no ledger")),
            };
            let (alice, bob) = (of("alice")?, of("bob")?);
            Ok((alice == bob && !bob.is_empty()).then_some(bob))
        })?;
        Ok(format!(
            "{} entries, the same for alice and bob",
            entries.len()
        ))
    }
}
