//! The commands of a person: each opens a conversation with the client node and prints its end.

mod alone;
mod batch;
mod judging;
mod key;
mod leases;
mod ledger;
mod marks;
mod passphrase;
pub mod people;
mod pictures;
mod screen;
mod viewing;

pub use viewing::Way;
pub mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use self::alone::Alone;
use super::args::{Global, HidingMode, MailboxVerb, RequestsVerb, RulesVerb, Verb};
use super::entry;
use super::failure::{self, Ended, PENDING};
use super::output::Output;
use super::render;
use crate::proto::control::{AskRule, Command, Failure, Outcome, Reason, Rule};
use crate::proto::letter::{ImageRef, Verdict};
use crate::proto::outcome::OpenAsk;
use crate::talk::files::{file_name, read};
use crate::talk::home::{self, Home};
use crate::talk::session::Session;

/// What every command of a person needs.
pub struct Person {
    home: Home,
    output: Output,
    global: Global,
}

/// The home that is meant.
#[must_use]
pub fn home_of(global: &Global) -> PathBuf {
    global.home.clone().unwrap_or_else(home::default_home)
}

impl Person {
    /// The person of this home.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let home = entry::home(global);
        let output = Output {
            json: global.json,
            quiet: global.quiet,
        };
        Self {
            home,
            output,
            global: global.clone(),
        }
    }

    /// Does a command.
    ///
    /// # Errors
    /// If it is refused or fails.
    pub fn run(&self, verb: Verb) -> Ended {
        if let Verb::Trace { copy } = &verb {
            return self.trace(copy);
        }
        let verb = match self.alone(verb)? {
            Alone::Done(code) => return Ok(code),
            Alone::Not(verb) => verb,
        };
        self.unlock(false)?;
        let timeout = Duration::from_secs(self.global.timeout.max(1));
        let mut session = Session::open(&self.home, timeout)?;
        let ended = self.carry_out(verb, &mut session);
        session.close();
        ended
    }

    fn carry_out(&self, verb: Verb, session: &mut Session) -> Ended {
        match verb {
            Verb::Hide {
                files,
                from_list,
                cover,
                mode,
                output,
                ..
            } => self.hide_for_oneself(session, &files, from_list, (mode, cover), output),
            Verb::Reveal {
                picture, output, ..
            } => self.reveal(session, &picture, output),
            Verb::Share(wanted) => self.share(session, wanted),
            Verb::Request {
                image,
                views,
                note,
                wait,
            } => self.request(session, &image, views, note, wait),
            Verb::View { lease, protocol } => self.view(session, &lease, protocol),
            Verb::Offer {
                file,
                name,
                keep_metadata,
            } => self.offer(session, &file, name, keep_metadata),
            Verb::Inspect { picture } => self.inspect(session, read(&picture)?),
            Verb::Peers { verb } => self.peers(session, verb),
            Verb::Mailbox(MailboxVerb::Ls) => self.mailbox(session),
            Verb::Mailbox(MailboxVerb::Flush) => self.simple(session, Command::Settle(5_000)),
            Verb::Ls { peer } => {
                self.simple(session, Command::Gallery(peer.map(|peer| petname(&peer))))
            }
            Verb::Requests(verb) => self.requests(session, verb),
            Verb::Lease(verb) => self.lease(session, verb),
            Verb::Ledger(wanted) => self.ledger(session, wanted),
            Verb::Rules(verb) => self.simple(session, rules_command(verb)),
            Verb::Sync => self.simple(session, Command::Settle(5_000)),
            Verb::Status(_) => self.simple(session, Command::Status),
            Verb::Demo { .. }
            | Verb::Up { .. }
            | Verb::Stop(_)
            | Verb::Purge(_)
            | Verb::Cluster(_)
            | Verb::Health(_)
            | Verb::Init { .. }
            | Verb::Key(_)
            | Verb::Id { .. }
            | Verb::Watch { .. }
            | Verb::Tui { .. }
            | Verb::Chaos(_)
            | Verb::Run { .. }
            | Verb::Web(_)
            | Verb::Config(_)
            | Verb::Doctor
            | Verb::Bench(_)
            | Verb::Trace { .. }
            | Verb::Completions { .. }
            | Verb::Man { .. }
            | Verb::Version
            | Verb::Node(_) => Err(failure::usage("not a command of a person", "")),
        }
    }

    fn hide_for_oneself(
        &self,
        session: &mut Session,
        files: &[PathBuf],
        list: Option<PathBuf>,
        (mode, cover): (HidingMode, Option<PathBuf>),
        output: Option<PathBuf>,
    ) -> Ended {
        let carrier = mode.carrier(cover.as_deref())?;
        self.hide_all(files, list.as_deref(), output, |file, output| {
            self.hide(session, file, carrier.clone(), output)
        })
    }

    fn offer(
        &self,
        session: &mut Session,
        file: &Path,
        name: Option<String>,
        keep_metadata: bool,
    ) -> Ended {
        let name = name.map_or_else(|| file_name(file), Ok)?;
        let original = read(file)?;
        let offer = Command::Offer {
            name,
            original,
            keep_metadata,
        };
        self.simple(session, offer)
    }

    /// A command whose outcome is all there is to say.
    fn simple(&self, session: &mut Session, command: Command) -> Ended {
        let said = match session.ask(command, |_| {})? {
            Outcome::Status(status) => render::client_status(&status),
            Outcome::Peers { peers, fresh } => render::peers(&peers, fresh),
            Outcome::Gallery { items, refused } => render::gallery(&items, refused),
            Outcome::Requests(asks) => render::requests(&asks),
            Outcome::Leases(leases) => render::leases(&leases),
            Outcome::Ledger(entries) => render::ledger(&entries),
            Outcome::Rules(rules) => render::rules(&rules),
            Outcome::Offered { name, removed } => {
                self.output.line(
                    format!("offered as {name}{}", render::removed(&removed)),
                    json!({ "name": name, "removed": removed }),
                );
                return Ok(0);
            }
            Outcome::Decided(ask) => {
                self.output
                    .line(format!("answered {ask}"), json!({ "ask": ask.hex() }));
                return Ok(0);
            }
            Outcome::Withdrawn(ask) => {
                self.output
                    .line(format!("took {ask} back"), json!({ "ask": ask.hex() }));
                return Ok(0);
            }
            Outcome::LooksTaken {
                grant,
                looks,
                until,
            } => render::looks_taken(grant, looks, until),
            Outcome::LooksReturned { grant, looks } => render::looks_returned(grant, looks),
            Outcome::Settled(settled) => {
                let text = if settled {
                    "nothing is on its way"
                } else {
                    "still on its way"
                };
                self.output.line(text, json!({ "settled": settled }));
                return Ok(if settled { 0 } else { PENDING });
            }
            other => return Err(odd(&other)),
        };
        self.output.say(&said);
        Ok(0)
    }

    fn request(
        &self,
        session: &mut Session,
        image: &str,
        views: u32,
        remark: String,
        wait: u32,
    ) -> Ended {
        let (peer, image) = image.split_once('/').ok_or_else(|| {
            failure::usage(
                format!("{image:?} names no picture of a peer"),
                "write @peer/name or @peer/number",
            )
        })?;
        let owner = petname(peer);
        let image = image
            .parse()
            .map_or_else(|_| ImageRef::Name(image.to_owned()), ImageRef::Index);
        let wait_ms = wait.saturating_mul(1_000);
        let command = Command::Ask {
            peer: owner.clone(),
            image,
            views,
            remark,
            wait_ms,
        };
        let outcome = session.ask(command, |_| {})?;
        let Outcome::Asked { ask, verdict } = outcome else {
            return Err(odd(&outcome));
        };
        self.remind_to_verify(session, &owner);
        if let Some(Verdict::Denied { reason }) = &verdict {
            return Err(Failure::new(
                Reason::Denied,
                format!("the owner said no: {reason}"),
                "ask again with a note",
            ));
        }
        let mut said = render::verdict(verdict.as_ref());
        said.json["ask"] = json!(ask.hex());
        said.text = format!("request {ask}: {}", said.text);
        self.output.say(&said);
        Ok(if verdict.is_some() { 0 } else { PENDING })
    }

    fn requests(&self, session: &mut Session, verb: RequestsVerb) -> Ended {
        let RequestsVerb::Approve { id, .. } = &verb else {
            let command = requests_command(session, verb)?;
            return self.simple(session, command);
        };
        let asker = asked(session, id)?.map(|ask| ask.peer);
        let command = requests_command(session, verb)?;
        let ended = self.simple(session, command)?;
        if let Some(asker) = asker {
            self.remind_to_verify(session, &asker);
        }
        Ok(ended)
    }

    fn mailbox(&self, session: &mut Session) -> Ended {
        let outcome = session.ask(Command::Status, |_| {})?;
        let Outcome::Status(status) = outcome else {
            return Err(odd(&outcome));
        };
        let letters = status.letters_queued;
        self.output.line(
            format!("letters on their way: {letters}"),
            json!({ "letters_queued": letters }),
        );
        Ok(0)
    }
}

fn requests_command(session: &mut Session, verb: RequestsVerb) -> Result<Command, Failure> {
    Ok(match verb {
        RequestsVerb::Ls => Command::Requests,
        RequestsVerb::Approve { id, views } => {
            let views = Some(match views {
                Some(views) => views,
                // An unknown question is left to the client to refuse.
                None => asked(session, &id)?.map_or(1, |ask| ask.views),
            });
            Command::Decide {
                ask: id,
                views,
                reason: String::new(),
            }
        }
        RequestsVerb::Withdraw { id } => Command::Withdraw(id),
        RequestsVerb::Deny { id, reason } => Command::Decide {
            ask: id,
            views: None,
            reason,
        },
    })
}

/// The question of a peer's whose name begins so.
fn asked(session: &mut Session, id: &str) -> Result<Option<OpenAsk>, Failure> {
    let outcome = session.ask(Command::Requests, |_| {})?;
    let Outcome::Requests(asks) = outcome else {
        return Err(odd(&outcome));
    };
    let mut asks = asks.into_iter();
    Ok(asks.find(|ask| !ask.ours && ask.ask.hex().starts_with(id)))
}

fn rules_command(verb: RulesVerb) -> Command {
    match verb {
        RulesVerb::Ls => Command::Rules,
        RulesVerb::Clear { peer } => Command::SetRule {
            peer: petname(&peer),
            rule: None,
        },
        RulesVerb::Set {
            peer,
            grant,
            refuse,
            no_previews,
        } => {
            let asks = match (grant, refuse) {
                (_, true) => AskRule::Refuse,
                (Some(views), false) => AskRule::Grant(views),
                (None, false) => AskRule::Wait,
            };
            let rule = Rule {
                previews: !no_previews,
                asks,
            };
            Command::SetRule {
                peer: petname(&peer),
                rule: Some(rule),
            }
        }
    }
}

/// A petname without its `@`.
fn petname(name: &str) -> String {
    name.trim_start_matches('@').to_owned()
}

fn odd(outcome: &Outcome) -> Failure {
    Failure::new(
        Reason::Other,
        format!("the client answered something else: {outcome:.80?}"),
        "program and client are of different versions; restart the client",
    )
}
