//! The ends of a peer as seen from the bench: started, told, waited for and ended.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::child::{Order, Reply};
use crate::peer::{Fault, Listening};
use crate::usage::Usage;

const CLIENT: usize = 0;
const SERVER: usize = 1;
/// Lines of a process that wait to be read.
const LINES_MAX: usize = 64;
/// What a process takes to start or to answer a short question, at most.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// A process of this program that is told things by lines. Ends with its handle.
pub(crate) struct Helper {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Helper {
    /// Starts this program again as one end of a peer.
    fn start(place: Place<'_>, end: usize, arguments: &[&str]) -> Result<Self, Fault> {
        let own = std::env::current_exe()?.into_os_string();
        let mut words: Vec<OsString> = Vec::new();
        if let Some(namespace) = place.namespaces.map(|both| both[end]) {
            words.extend(["ip", "netns", "exec", namespace].map(OsString::from));
        }
        if place.is_first {
            words.extend(["chrt", "-r", "1"].map(OsString::from));
        }
        words.push(own);
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().ok_or("no program")?);
        command.args(words);
        command.args(arguments);
        Self::spawn(command)
    }

    /// Starts the link between two namespaces, before everything else on its processor if that may
    /// be.
    pub(crate) fn link() -> Result<Self, Fault> {
        let own = std::env::current_exe()?;
        let is_urgent = Command::new("chrt")
            .args(["-f", "10", "true"])
            .stderr(Stdio::null())
            .status();
        let mut command = if is_urgent.is_ok_and(|status| status.success()) {
            let mut command = Command::new("chrt");
            command.args(["-f", "10"]).arg(own);
            command
        } else {
            Command::new(own)
        };
        // An interrupt of the bench reaches its group; the link ends by itself then.
        command.arg("link").process_group(0);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Result<Self, Fault> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("a process without output")?;
        let (tell, lines) = sync_channel(LINES_MAX);
        std::thread::Builder::new()
            .name("lines".into())
            .spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if tell.send(line).is_err() {
                        break;
                    }
                }
            })?;
        Ok(Self {
            child,
            input,
            lines,
        })
    }

    /// Says a line.
    pub(crate) fn say(&mut self, line: &str) -> Result<(), Fault> {
        let input = self.input.as_mut().ok_or("the process is ending")?;
        writeln!(input, "{line}")?;
        Ok(input.flush()?)
    }

    /// The next line, if one comes within this time.
    pub(crate) fn hear<T: DeserializeOwned>(&self, wait: Duration) -> Result<Option<T>, Fault> {
        match self.lines.recv_timeout(wait) {
            Ok(line) => Ok(Some(serde_json::from_str(&line)?)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err("a process has ended".into()),
        }
    }

    /// Says a line and hears the answer.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, line: &str) -> Result<T, Fault> {
        self.say(line)?;
        Ok(self.hear(ANSWER_WAIT)?.ok_or("a process does not answer")?)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It ends when nobody talks to it; one that hangs in a job is ended.
        drop(self.input.take());
        if let Err(RecvTimeoutError::Timeout) = self.lines.recv_timeout(Duration::from_millis(100))
        {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Where the two ends of a peer are.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Network namespaces of client and server; none for both in our own.
    pub(crate) namespaces: Option<[&'a str; 2]>,
    /// Where the server listens.
    pub(crate) bind: &'a str,
    /// Whether they go before other work of the machine.
    pub(crate) is_first: bool,
}

/// A server and a client of one peer.
pub(crate) struct Pair {
    client: Helper,
    server: Helper,
    port: u16,
    /// The answer to a job that was seen before it was asked for.
    peeked: Option<Reply>,
}

impl Pair {
    /// Starts both ends.
    pub(crate) fn start(peer: &str, place: Place<'_>) -> Result<Self, Fault> {
        let server = Helper::start(place, SERVER, &["server", peer, place.bind])?;
        let listening: Listening = match server.hear(ANSWER_WAIT)? {
            Some(Reply::Listening(listening)) => listening,
            other => return Err(format!("{peer} does not serve: {other:?}").into()),
        };
        let port = listening.address.port();
        let listening = serde_json::to_string(&listening)?;
        let client = Helper::start(place, CLIENT, &["client", peer, &listening])?;
        match client.hear(ANSWER_WAIT)? {
            Some(Reply::Ready) => Ok(Self {
                client,
                server,
                port,
                peeked: None,
            }),
            other => Err(format!("{peer} has no client: {other:?}").into()),
        }
    }

    /// Tells the client a job; [`Pair::done`] waits for it.
    pub(crate) fn begin(&mut self, order: &Order) -> Result<(), Fault> {
        self.client.say(&serde_json::to_string(order)?)
    }

    /// The port of the server.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether the job is done, if that comes about within this time.
    pub(crate) fn peek(&mut self, wait: Duration) -> Result<bool, Fault> {
        if self.peeked.is_none() {
            self.peeked = self.client.hear(wait)?;
        }
        Ok(self.peeked.is_some())
    }

    /// How long each of the times took, in nanoseconds; none if that did not end in time.
    pub(crate) fn done(&mut self, wait: Duration) -> Result<Option<Vec<u64>>, Fault> {
        let reply = match self.peeked.take() {
            None => self.client.hear(wait)?,
            peeked => peeked,
        };
        match reply {
            None => Ok(None),
            Some(Reply::Done(took)) => Ok(Some(took)),
            Some(Reply::Failed(why)) => Err(why.into()),
            Some(other) => Err(format!("not the answer to a job: {other:?}").into()),
        }
    }

    /// What client and server have used.
    pub(crate) fn usage(&mut self) -> Result<[Usage; 2], Fault> {
        let order = serde_json::to_string(&Order::Usage)?;
        let of = |end: &mut Helper| match end.ask(&order)? {
            Reply::Usage(usage) => Ok(usage),
            other => Err(Fault::from(format!("not what was used: {other:?}"))),
        };
        Ok([of(&mut self.client)?, of(&mut self.server)?])
    }

    /// Largest memory counts from now on.
    pub(crate) fn forget_peak(&mut self) -> Result<(), Fault> {
        let order = serde_json::to_string(&Order::Forget)?;
        for end in [&mut self.client, &mut self.server] {
            match end.ask(&order)? {
                Reply::Forgotten => {}
                other => return Err(format!("memory is not forgotten: {other:?}").into()),
            }
        }
        Ok(())
    }
}
