//! The commands of a person: each opens a conversation with the client node and prints its end.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::args::{AtEnd, Global, LeaseVerb, RequestsVerb, RulesVerb, Verb};
use super::failure::{self, Ended, PENDING};
use super::output::Output;
use super::progress::Bar;
use super::session::Session;
use super::{home, render};
use crate::proto::control::{AskRule, Command, Failure, Outcome, Reason, Rule};
use crate::proto::lease::{AtZero, Change};
use crate::proto::letter::{ImageRef, Verdict};
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::stego::{self, DecodeLimits};
use crate::terminal::halfblocks;
use crate::terminal::text::size;

/// Columns and rows that a picture takes when the terminal does not tell its size.
const VIEW_CELLS: (u32, u32) = (80, 22);

/// What every command of a person needs.
pub struct Person {
    home: PathBuf,
    output: Output,
    global: Global,
}

impl Person {
    /// The person of this home.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let home = global.home.clone().unwrap_or_else(home::default_home);
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
        let timeout = Duration::from_secs(self.global.timeout.max(1));
        let mut session = Session::open(&self.home, timeout)?;
        let ended = self.carry_out(verb, &mut session);
        session.close();
        ended
    }

    fn carry_out(&self, verb: Verb, session: &mut Session) -> Ended {
        match verb {
            Verb::Hide {
                file,
                cover,
                output,
            } => self.hide(session, &file, cover, output),
            Verb::Reveal { picture, output } => self.reveal(session, &picture, output),
            Verb::Share {
                image,
                to,
                views,
                at_end,
                cover,
            } => self.share(session, &image, &to, views, at_end, cover),
            Verb::Request {
                image,
                views,
                note,
                wait,
            } => self.request(session, &image, views, note, wait),
            Verb::View { lease } => self.view(session, &lease),
            Verb::Offer { file, name } => {
                let name = name.map_or_else(|| file_name(&file), Ok)?;
                let original = read(&file)?;
                self.simple(session, Command::Offer { name, original })
            }
            Verb::Inspect { picture } => self.simple(session, Command::Inspect(read(&picture)?)),
            Verb::Peers => self.simple(session, Command::Peers),
            Verb::Ls { peer } => {
                self.simple(session, Command::Gallery(peer.map(|peer| petname(&peer))))
            }
            Verb::Requests(verb) => {
                let command = requests_command(session, verb)?;
                self.simple(session, command)
            }
            Verb::Lease(verb) => self.lease(session, verb),
            Verb::Ledger { lease } => self.simple(session, Command::Ledger(lease)),
            Verb::Rules(verb) => self.simple(session, rules_command(verb)),
            Verb::Sync => self.simple(session, Command::Settle(5_000)),
            Verb::Status(_) => self.simple(session, Command::Status),
            Verb::Demo { .. }
            | Verb::Up { .. }
            | Verb::Stop(_)
            | Verb::Cluster(_)
            | Verb::Init { .. }
            | Verb::Run => Err(failure::usage("not a command of a person", "")),
        }
    }

    /// A command whose outcome is all there is to say.
    fn simple(&self, session: &mut Session, command: Command) -> Ended {
        let said = match session.ask(command, |_| {})? {
            Outcome::Status(status) => render::client_status(&status),
            Outcome::Inspected(told) => render::inspection(&told),
            Outcome::Peers { peers, fresh } => render::peers(&peers, fresh),
            Outcome::Gallery { items, refused } => render::gallery(&items, refused),
            Outcome::Requests(asks) => render::requests(&asks),
            Outcome::Leases(leases) => render::leases(&leases),
            Outcome::Ledger(entries) => render::ledger(&entries),
            Outcome::Rules(rules) => render::rules(&rules),
            Outcome::Offered(name) => {
                self.output
                    .line(format!("offered as {name}"), json!({ "name": name }));
                return Ok(0);
            }
            Outcome::Decided(ask) => {
                self.output
                    .line(format!("answered {ask}"), json!({ "ask": ask.hex() }));
                return Ok(0);
            }
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

    fn hide(
        &self,
        session: &mut Session,
        file: &Path,
        cover: Option<PathBuf>,
        output: Option<PathBuf>,
    ) -> Ended {
        let original = read(file)?;
        let before = original.len() as u64;
        if stego::sniff(&original).is_none() {
            self.output
                .remark("note: this is no PNG, JPEG or WebP; it is hidden as it is");
        }
        let cover = cover.as_deref().map(read).transpose()?;
        let command = Command::Hide {
            name: file_name(file)?,
            original,
            cover,
        };
        let bar = Bar::new(self.global.quiet || self.global.json);
        let outcome = session.ask(command, |step| bar.show(step))?;
        drop(bar);
        let Outcome::Hidden {
            request,
            picture,
            timings,
        } = outcome
        else {
            return Err(odd(&outcome));
        };
        let target = output.unwrap_or_else(|| beside(file, "hidden.png"));
        write(&target, &picture)?;
        let spent = render::timings(&timings);
        self.output.line(
            format!(
                "{} ({} in {})\nrequest {request}: {}",
                target.display(),
                size(before),
                size(picture.len() as u64),
                spent.text,
            ),
            json!({
                "file": target,
                "original_bytes": before,
                "picture_bytes": picture.len(),
                "request": request.to_string(),
                "timings": spent.json,
            }),
        );
        Ok(0)
    }

    fn reveal(&self, session: &mut Session, picture: &Path, output: Option<PathBuf>) -> Ended {
        let outcome = session.ask(Command::Reveal(read(picture)?), |_| {})?;
        let Outcome::Revealed { name, original } = outcome else {
            return Err(odd(&outcome));
        };
        // The name inside was written by whoever hid the file; only its last part counts.
        let safe = file_name(Path::new(&name)).unwrap_or_else(|_| "revealed".into());
        let target = output.unwrap_or_else(|| picture.with_file_name(safe));
        if target.exists() && !self.global.yes {
            return Err(failure::usage(
                format!("{} is there already", target.display()),
                "choose another place with -o, or -y to replace it",
            ));
        }
        write(&target, &original)?;
        self.output.line(
            format!("{} ({})", target.display(), size(original.len() as u64)),
            json!({ "file": target, "name": name, "original_bytes": original.len() }),
        );
        Ok(0)
    }

    fn share(
        &self,
        session: &mut Session,
        image: &str,
        to: &str,
        views: u32,
        at_end: AtEnd,
        cover: Option<PathBuf>,
    ) -> Ended {
        let path = Path::new(image);
        let (name, original) = if path.exists() {
            (file_name(path)?, Some(read(path)?))
        } else {
            (image.to_owned(), None)
        };
        let at_zero = match at_end {
            AtEnd::Carrier => AtZero::KeepCover,
            AtEnd::Delete => AtZero::DeleteFile,
        };
        let cover = cover.as_deref().map(read).transpose()?;
        let command = Command::Share {
            name,
            original,
            to: petname(to),
            views,
            at_zero,
            cover,
        };
        let bar = Bar::new(self.global.quiet || self.global.json);
        let outcome = session.ask(command, |step| bar.show(step))?;
        drop(bar);
        let Outcome::Shared {
            grant,
            delivered,
            timings,
        } = outcome
        else {
            return Err(odd(&outcome));
        };
        self.output.remark(
            "note: looks are counted by the other person's program; a camera or a changed \
             program is not stopped",
        );
        let state = if delivered { "delivered" } else { "on its way" };
        let spent = render::timings(&timings);
        self.output.line(
            format!("lease {grant}: {views} looks, {state}\n{}", spent.text),
            json!({
                "lease": grant.hex(),
                "views": views,
                "delivered": delivered,
                "timings": spent.json,
            }),
        );
        Ok(if delivered { 0 } else { PENDING })
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
        let image = image
            .parse()
            .map_or_else(|_| ImageRef::Name(image.to_owned()), ImageRef::Index);
        let wait_ms = wait.saturating_mul(1_000);
        let command = Command::Ask {
            peer: petname(peer),
            image,
            views,
            remark,
            wait_ms,
        };
        let outcome = session.ask(command, |_| {})?;
        let Outcome::Asked { ask, verdict } = outcome else {
            return Err(odd(&outcome));
        };
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

    fn lease(&self, session: &mut Session, verb: LeaseVerb) -> Ended {
        let (lease, change) = match verb {
            LeaseVerb::Ls => return self.simple(session, Command::Leases),
            LeaseVerb::Show { lease } => return self.show_lease(session, &lease),
            LeaseVerb::Add { lease, views } => (lease, Change::Add(views)),
            LeaseVerb::Sub { lease, views } => (lease, Change::Sub(views)),
            LeaseVerb::Set { lease, views } => (lease, Change::Set(views)),
            LeaseVerb::Revoke { lease } => (lease, Change::Revoke),
        };
        let outcome = session.ask(Command::Adjust { lease, change }, |_| {})?;
        let Outcome::Adjusted {
            grant,
            left,
            posted,
        } = outcome
        else {
            return Err(odd(&outcome));
        };
        let how = render::posted(posted);
        self.output.line(
            format!("lease {grant}: {left} looks left; {how}"),
            json!({ "lease": grant.hex(), "left": left, "posted": format!("{posted:?}") }),
        );
        let direct = posted == crate::proto::outcome::Posted::Direct;
        Ok(if direct { 0 } else { PENDING })
    }

    fn show_lease(&self, session: &mut Session, lease: &str) -> Ended {
        let outcome = session.ask(Command::Leases, |_| {})?;
        let Outcome::Leases(leases) = outcome else {
            return Err(odd(&outcome));
        };
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
        self.output
            .say(&render::leases(std::slice::from_ref(found)));
        self.simple(session, Command::Ledger(Some(found.grant.hex())))
    }

    fn view(&self, session: &mut Session, lease: &str) -> Ended {
        if !self.global.yes && !self.global.json && !self.confirmed(lease)? {
            return Ok(0);
        }
        let outcome = session.ask(Command::View(lease.to_owned()), |_| {})?;
        let Outcome::Opened {
            view,
            grant,
            name,
            original,
            ..
        } = outcome
        else {
            return Err(odd(&outcome));
        };
        if !self.global.json {
            self.show(&name, &original)?;
        }
        let outcome = session.ask(Command::Shown(view), |_| {})?;
        let Outcome::Counted { ordinal, left } = outcome else {
            return Err(odd(&outcome));
        };
        self.output.line(
            format!("look {ordinal} counted, {left} left"),
            json!({
                "lease": grant.hex(),
                "name": name,
                "ordinal": ordinal,
                "left": left,
                "original_bytes": original.len(),
                "blake3": blake3::hash(&original).to_hex().as_str(),
            }),
        );
        Ok(0)
    }

    /// Asks once whether a look may be spent. Without a terminal the command itself is the answer.
    fn confirmed(&self, lease: &str) -> Result<bool, Failure> {
        if self.global.no_input || !std::io::stdin().is_terminal() {
            return Ok(true);
        }
        eprint!("this spends one look at {lease}. Go on? [y/N] ");
        let asked = std::io::stderr().flush();
        let mut answer = String::new();
        asked
            .and_then(|()| std::io::stdin().read_line(&mut answer))
            .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// Shows a picture by half blocks, and takes it off the screen again when the person closes it.
    #[expect(
        clippy::print_stdout,
        reason = "this is what the program is asked to print"
    )]
    fn show(&self, name: &str, original: &[u8]) -> Result<(), Failure> {
        let Ok(picture) = stego::decode(original, &DecodeLimits::default()) else {
            self.output
                .remark("this is no picture; its bytes are not shown");
            return Ok(());
        };
        let (columns, rows) = VIEW_CELLS;
        let (width, height) = (picture.width(), picture.height());
        let blocks = halfblocks::render(picture.samples(), width, height, columns, rows);
        print!("{blocks}");
        println!("{name}  {width} x {height}");
        let lasting = self.global.no_input || self.global.yes;
        if lasting || !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
            return Ok(());
        }
        eprint!("press Enter to close");
        let mut line = String::new();
        std::io::stdin()
            .read_line(&mut line)
            .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))?;
        print!("\x1b[2J\x1b[3J\x1b[H");
        Ok(())
    }
}

fn requests_command(session: &mut Session, verb: RequestsVerb) -> Result<Command, Failure> {
    Ok(match verb {
        RequestsVerb::Ls => Command::Requests,
        RequestsVerb::Approve { id, views } => {
            let views = Some(match views {
                Some(views) => views,
                None => asked_views(session, &id)?,
            });
            Command::Decide {
                ask: id,
                views,
                reason: String::new(),
            }
        }
        RequestsVerb::Deny { id, reason } => Command::Decide {
            ask: id,
            views: None,
            reason,
        },
    })
}

/// How many looks a question asks for. An unknown question is left to the client to refuse.
fn asked_views(session: &mut Session, id: &str) -> Result<u32, Failure> {
    let outcome = session.ask(Command::Requests, |_| {})?;
    let Outcome::Requests(asks) = outcome else {
        return Err(odd(&outcome));
    };
    let asked = asks
        .iter()
        .find(|ask| !ask.ours && ask.ask.hex().starts_with(id));
    Ok(asked.map_or(1, |ask| ask.views))
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

fn file_name(path: &Path) -> Result<String, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| {
        failure::usage(
            format!("{} has no usable file name", path.display()),
            "rename the file",
        )
    })
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    file.with_extension(ending)
}

/// Reads a file within the limit for messages, without trusting what the folder says of its size.
fn read(path: &Path) -> Result<Bytes, Failure> {
    use std::io::Read;
    let file = fs::File::open(path).map_err(|error| failure::file(path, &error))?;
    let meta = file
        .metadata()
        .map_err(|error| failure::file(path, &error))?;
    if meta.is_dir() {
        return Err(failure::usage(
            format!("{} is a folder", path.display()),
            "name a file",
        ));
    }
    let mut bytes = Vec::new();
    file.take(MESSAGE_MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failure::file(path, &error))?;
    if bytes.len() > MESSAGE_MAX_BYTES {
        return Err(Failure::new(
            Reason::TooLarge,
            format!(
                "{} is larger than {}",
                path.display(),
                size(MESSAGE_MAX_BYTES as u64)
            ),
            "hide a smaller file",
        ));
    }
    Ok(bytes.into())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| failure::file(path, &error))
}

fn odd(outcome: &Outcome) -> Failure {
    Failure::new(
        Reason::Other,
        format!("the client answered something else: {outcome:.80?}"),
        "program and client are of different versions; restart the client",
    )
}
