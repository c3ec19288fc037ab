//! People: who I am, whom I know, whose words I compared, whom I refuse.

use std::io::{BufRead, IsTerminal, Read, Write};

use super::{Person, odd, petname};
use crate::cli::args::PeersVerb;
use crate::cli::failure::{self, Ended};
use crate::cli::output::{self, Output};
use crate::cli::render;
use crate::proto::control::{Command, Failure, Outcome, Reason};
use crate::proto::outcome::Peer;
use crate::proto::pairing;
use crate::talk::home;
use crate::talk::session::Session;
use crate::terminal::qr;

/// Longest line that is read as a code.
const CODE_LINE_MAX_BYTES: u64 = 4_096;

/// Prints who the person of this home is. No node is needed.
///
/// # Errors
/// If the home has no key or configuration.
pub fn show_id(output: Output, home: &std::path::Path, as_qr: bool) -> Ended {
    let (config, identity) = (home::read_config(&home.into())?, home::read_key(home)?);
    let (name, user) = (config.name, identity.user_id());
    let mut said = render::own_id(&name, &user);
    if as_qr {
        let code = pairing::code(&name, &user);
        let drawn = qr::blocks(&code)
            .ok_or_else(|| failure::usage("the code fits no QR code", "take a shorter name"))?;
        let words = pairing::words(&user).join(" ");
        said.text = format!("{}@{name}  {words}", in_colour(&drawn));
    }
    output.say(&said);
    Ok(0)
}

/// White on black whatever the terminal's colours are: some readers want dark on light. Elsewhere
/// than on a terminal, and if the person wants no colours, as it is.
fn in_colour(drawn: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !std::io::stdout().is_terminal() {
        return drawn.to_owned();
    }
    let lines = drawn.lines();
    lines
        .map(|line| format!("\x1b[38;5;231;48;5;16m{line}\x1b[0m\n"))
        .collect()
}

impl Person {
    pub(super) fn peers(&self, session: &mut Session, verb: Option<PeersVerb>) -> Ended {
        let mark = |peer: &str, on| Command::Block {
            peer: petname(peer),
            on,
        };
        let command = match verb.unwrap_or(PeersVerb::Ls) {
            PeersVerb::Ls => return self.simple(session, Command::Peers),
            PeersVerb::Add { code } => Command::AddPeer(self.code(&code)?),
            PeersVerb::Verify { peer } => {
                if !self.words_agree(session, &peer)? {
                    self.output.remark(
                        "not marked; if the words differ, this key is not theirs: share nothing \
                         with it",
                    );
                    return Ok(0);
                }
                Command::Verify {
                    peer: petname(&peer),
                    on: true,
                }
            }
            PeersVerb::Unverify { peer } => Command::Verify {
                peer: petname(&peer),
                on: false,
            },
            PeersVerb::Block { peer } => mark(&peer, true),
            PeersVerb::Unblock { peer } => mark(&peer, false),
        };
        let outcome = session.ask(command, |_| {})?;
        let Outcome::Peer(peer) = outcome else {
            return Err(odd(&outcome));
        };
        self.output.say(&render::peer(&peer));
        Ok(0)
    }

    /// The code of the command line, or the first line of standard input.
    fn code(&self, given: &[String]) -> Result<String, Failure> {
        if !given.is_empty() {
            return Ok(given.join(" "));
        }
        let stdin = std::io::stdin();
        if self.global.no_input {
            return Err(failure::usage(
                "no code is given",
                "pentimento peers add CODE",
            ));
        }
        if stdin.is_terminal() {
            output::ask("their code: ");
        }
        let mut line = String::new();
        std::io::stderr()
            .flush()
            .and_then(|()| stdin.lock().take(CODE_LINE_MAX_BYTES).read_line(&mut line))
            .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))?;
        Ok(line.trim().to_owned())
    }

    /// Shows the words of a peer and asks whether the peer reads the same. Without a terminal the
    /// command itself is the answer.
    fn words_agree(&self, session: &mut Session, name: &str) -> Result<bool, Failure> {
        let stdin = std::io::stdin();
        let silent = self.global.yes || self.global.json || self.global.no_input;
        if silent || !stdin.is_terminal() {
            return Ok(true);
        }
        let Some(peer) = find(session, name)? else {
            // The client says why.
            return Ok(true);
        };
        output::tell(&format!("the words of @{}:", peer.name));
        output::tell(&format!("    {}", pairing::words(&peer.user).join(" ")));
        output::ask("does `pentimento id` show them the same? [y/N] ");
        let mut answer = String::new();
        std::io::stderr()
            .flush()
            .and_then(|()| stdin.read_line(&mut answer))
            .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// Reminds of words that were not compared yet. Never fails a command that has done its work.
    pub(super) fn remind_to_verify(&self, session: &mut Session, name: &str) {
        if self.output.quiet || self.output.json {
            return;
        }
        if let Ok(Some(peer)) = find(session, name)
            && !peer.verified
        {
            let name = peer.name;
            self.output.remark(&format!(
                "note: @{name} is unverified: compare words (pentimento peers verify @{name})"
            ));
        }
    }
}

/// A peer by name.
fn find(session: &mut Session, name: &str) -> Result<Option<Peer>, Failure> {
    let outcome = session.ask(Command::Peers, |_| {})?;
    let Outcome::Peers { peers, .. } = outcome else {
        return Err(odd(&outcome));
    };
    let name = petname(name);
    Ok(peers.into_iter().find(|peer| peer.name == name))
}
