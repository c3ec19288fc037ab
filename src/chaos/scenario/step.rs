//! The small language of steps: `crash n2 for 3s`, `alice revoke beach@bob`.

use crate::chaos::members::MEMBERS;
use crate::proto::lease::Change;

/// The forms of a step, as errors list them.
pub const FORMS: &str = "crash HOST [for Ns] | crash elected [for Ns] | crash leader [for Ns] \
     | crash etcd1 for Ns \
     | restart HOST | restart all | wipe SERVER for Ns | fill SERVER for Ns \
     | pause HOST for Ns | slow HOST xN for Ns | fail SERVER for Ns [silent] \
     | partition HOST.. | HOST.. [for Ns] | cut HOST HOST [for Ns] | cut HOST -> HOST [for Ns] \
     | mend | loss N% [for Ns] \
     | offline CLIENT | online CLIENT | CLIENT add N IMAGE@PEER | CLIENT sub N IMAGE@PEER \
     | CLIENT set N IMAGE@PEER | CLIENT revoke IMAGE@PEER | CLIENT view IMAGE@OWNER | CLIENT hide";

/// Words that no person may be called.
const WORDS: [&str; 17] = [
    "crash",
    "restart",
    "pause",
    "slow",
    "fail",
    "partition",
    "cut",
    "mend",
    "loss",
    "offline",
    "online",
    "elected",
    "leader",
    "wipe",
    "fill",
    "all",
    "for",
];

/// A server or a person's client, by its place: the servers come first.
pub type Host = usize;

/// Who can be named.
#[derive(Clone, Copy, Debug)]
pub struct Cast<'a> {
    /// Servers n1 to so many.
    pub servers: usize,
    /// Names of the people.
    pub clients: &'a [String],
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A node ends without warning; it comes back after so many seconds, if any.
    Crash(Host, Option<f64>),
    /// The server that next takes a request ends without warning.
    CrashElected(Option<f64>),
    /// The server that leads the others in the ledger ends without warning.
    CrashLeader(Option<f64>),
    /// A member of etcd ends without warning and comes back after so many seconds.
    CrashMember(u8, f64),
    /// These nodes end without warning and begin again at once.
    Restart(Vec<Host>),
    /// A server ends without warning and comes back after so many seconds with an empty disk.
    Wipe(Host, f64),
    /// The disk of a server is full for so many seconds.
    Fill(Host, f64),
    /// A node stands still for so many seconds.
    Pause(Host, f64),
    /// A node is so many times slower for so many seconds.
    Slow(Host, u32, f64),
    /// A planned failure of a server for so many seconds, if the others permit it.
    Fail {
        /// The server.
        server: Host,
        /// For so long.
        for_s: f64,
        /// Without a goodbye.
        silent: bool,
    },
    /// No datagram passes from the first of each pair to the second, for so many seconds or until
    /// mended.
    Cut(Vec<(Host, Host)>, Option<f64>),
    /// All cuts end.
    Mend,
    /// Another share of datagrams is lost, 0 to 1, for so many seconds or until the end.
    Loss(f64, Option<f64>),
    /// A person's client ends without a goodbye.
    Offline(Host),
    /// A person's client begins.
    Online(Host),
    /// A person changes a grant of theirs.
    Adjust {
        /// The owner.
        owner: Host,
        /// The image.
        image: String,
        /// Name of the other side.
        peer: String,
        /// The change.
        change: Change,
    },
    /// A person looks at a picture that was granted to them.
    View {
        /// The person.
        borrower: Host,
        /// The image.
        image: String,
        /// Name of its owner.
        owner: String,
    },
    /// A person hides a picture for themselves.
    Hide(Host),
}

/// Whether a person may be called so.
#[must_use]
pub fn is_person_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let server = name
        .strip_prefix('n')
        .is_some_and(|rest| rest.parse::<u32>().is_ok())
        || member(name).is_some();
    name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(plain)
        && !server
        && !WORDS.contains(&name)
}

impl Cast<'_> {
    /// The name of a host.
    #[must_use]
    pub fn name(&self, host: Host) -> String {
        match host.checked_sub(self.servers) {
            None => format!("n{}", host + 1),
            Some(client) => self.clients.get(client).cloned().unwrap_or_default(),
        }
    }

    fn server(&self, word: &str) -> Result<Host, String> {
        let number = word
            .strip_prefix('n')
            .and_then(|rest| rest.parse::<usize>().ok());
        number
            .filter(|number| (1..=self.servers).contains(number))
            .map(|number| number - 1)
            .ok_or_else(|| format!("no server {word:?}, there are n1 to n{}", self.servers))
    }

    fn client(&self, word: &str) -> Result<Host, String> {
        let place = self.clients.iter().position(|name| name == word);
        place
            .map(|place| self.servers + place)
            .ok_or_else(|| format!("no client {word:?}, there are {}", self.clients.join(", ")))
    }

    fn host(&self, word: &str) -> Result<Host, String> {
        self.server(word)
            .or_else(|_| self.client(word))
            .map_err(|_| {
                format!(
                    "no host {word:?}, there are n1 to n{} and {}",
                    self.servers,
                    self.clients.join(", ")
                )
            })
    }

    fn all(&self) -> usize {
        self.servers + self.clients.len()
    }
}

impl Step {
    /// Whether servers end.
    #[must_use]
    pub const fn ends_servers(&self) -> bool {
        matches!(
            self,
            Self::Crash(..)
                | Self::CrashElected(_)
                | Self::CrashLeader(_)
                | Self::Restart(_)
                | Self::Wipe(..)
        )
    }

    /// Whether something fails, and not a person does something or a fault ends.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        self.ends_servers()
            || matches!(
                self,
                Self::CrashMember(..)
                    | Self::Fill(..)
                    | Self::Pause(..)
                    | Self::Slow(..)
                    | Self::Fail { .. }
                    | Self::Cut(..)
                    | Self::Loss(..)
            )
    }

    /// Reads a step.
    ///
    /// # Errors
    /// What is wrong, with the words that would be right.
    pub fn parse(text: &str, cast: &Cast<'_>) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (words, lasts) = split_duration(&words)?;
        let must = |lasts: Option<f64>| lasts.ok_or_else(|| format!("{text:?} needs `for Ns`"));
        let never = |step| match lasts {
            None => Ok(step),
            Some(_) => Err(format!("{text:?} takes no `for Ns`")),
        };
        match words.as_slice() {
            ["crash", "elected"] => Ok(Self::CrashElected(lasts)),
            ["crash", "leader"] => Ok(Self::CrashLeader(lasts)),
            ["crash", word] if member(word).is_some() => {
                let least = || Err(unknown(text));
                member(word).map_or_else(least, |it| Ok(Self::CrashMember(it, must(lasts)?)))
            }
            ["crash", host] => Ok(Self::Crash(cast.host(host)?, lasts)),
            ["restart", "all"] => never(Self::Restart((0..cast.servers).collect())),
            ["restart", host] => never(Self::Restart(vec![cast.host(host)?])),
            ["wipe", server] => Ok(Self::Wipe(cast.server(server)?, must(lasts)?)),
            ["fill", server] => Ok(Self::Fill(cast.server(server)?, must(lasts)?)),
            ["pause", host] => Ok(Self::Pause(cast.host(host)?, must(lasts)?)),
            ["slow", host, times] => Ok(Self::Slow(
                cast.host(host)?,
                parse_times(times)?,
                must(lasts)?,
            )),
            ["fail", server, rest @ ..] => Ok(Self::Fail {
                server: cast.server(server)?,
                for_s: must(lasts)?.min(20.0),
                silent: match rest {
                    [] => false,
                    ["silent"] => true,
                    _ => return Err(unknown(text)),
                },
            }),
            ["partition", groups @ ..] => Ok(Self::Cut(partition(&groups.join(" "), cast)?, lasts)),
            ["cut", from, "->", to] => {
                Ok(Self::Cut(vec![(cast.host(from)?, cast.host(to)?)], lasts))
            }
            ["cut", one, other] => {
                let pair = (cast.host(one)?, cast.host(other)?);
                Ok(Self::Cut(both_ways(&[pair]), lasts))
            }
            ["mend"] => never(Self::Mend),
            ["loss", percent] => Ok(Self::Loss(parse_percent(percent)?, lasts)),
            ["offline", client] => never(Self::Offline(cast.client(client)?)),
            ["online", client] => never(Self::Online(cast.client(client)?)),
            [person, rest @ ..] => never(Self::of_person(text, person, rest, cast)?),
            [] => Err(unknown(text)),
        }
    }

    fn of_person(text: &str, person: &str, rest: &[&str], cast: &Cast<'_>) -> Result<Self, String> {
        let who = cast.client(person).map_err(|_| unknown(text))?;
        let (change, target) = match rest {
            ["hide"] => return Ok(Self::Hide(who)),
            ["view", target] => {
                let (image, owner) = parse_target(target, cast)?;
                return Ok(Self::View {
                    borrower: who,
                    image,
                    owner,
                });
            }
            ["revoke", target] => (Change::Revoke, target),
            ["add", views, target] => (Change::Add(parse_views(views)?), target),
            ["sub", views, target] => (Change::Sub(parse_views(views)?), target),
            ["set", views, target] => (Change::Set(parse_views(views)?), target),
            _ => return Err(unknown(text)),
        };
        let (image, peer) = parse_target(target, cast)?;
        Ok(Self::Adjust {
            owner: who,
            image,
            peer,
            change,
        })
    }

    /// How long it goes on, in seconds.
    #[must_use]
    pub fn lasts_s(&self) -> f64 {
        match self {
            Self::CrashMember(_, lasts)
            | Self::Wipe(_, lasts)
            | Self::Fill(_, lasts)
            | Self::Pause(_, lasts)
            | Self::Slow(_, _, lasts)
            | Self::Fail { for_s: lasts, .. } => *lasts,
            Self::Crash(_, lasts)
            | Self::CrashElected(lasts)
            | Self::CrashLeader(lasts)
            | Self::Cut(_, lasts)
            | Self::Loss(_, lasts) => lasts.unwrap_or(0.0),
            _ => 0.0,
        }
    }
}

fn unknown(text: &str) -> String {
    format!("unknown step {text:?}, expected one of {FORMS}")
}

/// Takes `for Ns` off the end, wherever it stands before a last `silent`.
fn split_duration<'a>(words: &[&'a str]) -> Result<(Vec<&'a str>, Option<f64>), String> {
    let Some(at) = words.iter().position(|word| *word == "for") else {
        return Ok((words.to_vec(), None));
    };
    let Some(text) = words.get(at + 1) else {
        return Err("`for` needs a number of seconds, such as `for 3s`".into());
    };
    let seconds = text
        .strip_suffix('s')
        .and_then(|number| number.parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= 600.0);
    let seconds = seconds.ok_or_else(|| {
        format!("{text:?} is no duration: write seconds above 0 up to 600, such as 3s or 0.5s")
    })?;
    let mut rest = words[..at].to_vec();
    rest.extend(&words[at + 2..]);
    Ok((rest, Some(seconds)))
}

fn parse_times(text: &str) -> Result<u32, String> {
    let times = text
        .strip_prefix('x')
        .and_then(|number| number.parse::<u32>().ok());
    times
        .filter(|times| (2..=50).contains(times))
        .ok_or_else(|| format!("{text:?} is no slowness: write x2 to x50"))
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let percent = text
        .strip_suffix('%')
        .and_then(|number| number.parse::<f64>().ok());
    percent
        .filter(|percent| (0.0..=50.0).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or_else(|| format!("{text:?} is no share: write 0% to 50%"))
}

fn parse_views(text: &str) -> Result<u32, String> {
    text.parse::<u32>()
        .ok()
        .filter(|views| *views <= 1_000)
        .ok_or_else(|| format!("{text:?} is no number of looks: write 0 to 1000"))
}

fn parse_target(text: &str, cast: &Cast<'_>) -> Result<(String, String), String> {
    let (image, peer) = text
        .split_once('@')
        .filter(|(image, _)| !image.is_empty())
        .ok_or_else(|| format!("{text:?} names no picture: write IMAGE@NAME"))?;
    cast.client(peer)?;
    Ok((image.to_owned(), peer.to_owned()))
}

/// The member of etcd that is called so, from 0.
fn member(word: &str) -> Option<u8> {
    let number: u8 = word.strip_prefix("etcd")?.parse().ok()?;
    (1..=MEMBERS).contains(&number).then(|| number - 1)
}

fn both_ways(pairs: &[(Host, Host)]) -> Vec<(Host, Host)> {
    let there_and_back = |&(one, other): &(Host, Host)| [(one, other), (other, one)];
    pairs.iter().flat_map(there_and_back).collect()
}

/// All pairs across the groups, both ways.
fn partition(text: &str, cast: &Cast<'_>) -> Result<Vec<(Host, Host)>, String> {
    let mut groups = Vec::new();
    let mut named = vec![false; cast.all()];
    for group in text.split('|') {
        let hosts: Result<Vec<Host>, String> = group
            .split_whitespace()
            .map(|word| cast.host(word))
            .collect();
        let hosts = hosts?;
        for &host in &hosts {
            if std::mem::replace(&mut named[host], true) {
                return Err(format!("{} is named twice", cast.name(host)));
            }
        }
        groups.push(hosts);
    }
    if groups.len() < 2 || groups.iter().any(Vec::is_empty) {
        return Err("a partition has two sides or more: `partition n1 | n2 n3`".into());
    }
    let mut pairs = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        for other in &groups[index + 1..] {
            pairs.extend(
                group
                    .iter()
                    .flat_map(|&a| other.iter().map(move |&b| (a, b))),
            );
        }
    }
    Ok(both_ways(&pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Step, String> {
        let clients = ["alice".to_owned(), "bob".to_owned()];
        let cast = Cast {
            servers: 3,
            clients: &clients,
        };
        Step::parse(text, &cast)
    }

    #[test]
    fn every_form_is_read() {
        let adjust = |change| Step::Adjust {
            owner: 3,
            image: "beach".into(),
            peer: "bob".into(),
            change,
        };
        let cases = [
            ("crash n2 for 3s", Step::Crash(1, Some(3.0))),
            ("crash alice", Step::Crash(3, None)),
            ("crash elected for 0.5s", Step::CrashElected(Some(0.5))),
            ("crash leader for 2s", Step::CrashLeader(Some(2.0))),
            ("crash etcd3 for 2s", Step::CrashMember(2, 2.0)),
            ("wipe n2 for 1s", Step::Wipe(1, 1.0)),
            ("fill n3 for 4s", Step::Fill(2, 4.0)),
            ("restart all", Step::Restart(vec![0, 1, 2])),
            ("restart bob", Step::Restart(vec![4])),
            ("pause n1 for 2s", Step::Pause(0, 2.0)),
            ("slow n3 x10 for 5s", Step::Slow(2, 10, 5.0)),
            (
                "fail n2 for 5s silent",
                Step::Fail {
                    server: 1,
                    for_s: 5.0,
                    silent: true,
                },
            ),
            (
                "partition n1 | n2 n3 for 5s",
                Step::Cut(vec![(0, 1), (1, 0), (0, 2), (2, 0)], Some(5.0)),
            ),
            (
                "cut alice n1 for 2s",
                Step::Cut(vec![(3, 0), (0, 3)], Some(2.0)),
            ),
            ("cut n1 -> n2", Step::Cut(vec![(0, 1)], None)),
            ("mend", Step::Mend),
            ("loss 10% for 4s", Step::Loss(0.1, Some(4.0))),
            ("offline bob", Step::Offline(4)),
            ("online bob", Step::Online(4)),
            ("alice add 1 beach@bob", adjust(Change::Add(1))),
            ("alice set 4 beach@bob", adjust(Change::Set(4))),
            ("alice sub 2 beach@bob", adjust(Change::Sub(2))),
            ("alice revoke beach@bob", adjust(Change::Revoke)),
            ("alice hide", Step::Hide(3)),
        ];
        for (text, step) in cases {
            assert_eq!(parse(text), Ok(step), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        let cases = [
            ("crush n2", "expected one of crash HOST"),
            ("crash n4", "n1 to n3 and alice, bob"),
            ("crash n2 for 3", "no duration"),
            ("crash n2 for", "needs a number of seconds"),
            ("pause n1", "needs `for Ns`"),
            ("mend for 3s", "takes no `for Ns`"),
            ("slow n1 x1 for 2s", "x2 to x50"),
            ("partition n1", "two sides"),
            ("partition n1 | n1", "named twice"),
            ("offline n1", "there are alice, bob"),
            ("fail bob for 2s", "n1 to n3"),
            ("fill bob for 2s", "n1 to n3"),
            ("crash etcd1", "needs `for Ns`"),
            ("crash etcd4 for 1s", "n1 to n3 and alice, bob"),
            ("wipe n1", "needs `for Ns`"),
            ("cut n1 - n2", "expected one of crash HOST"),
            ("alice add one beach@bob", "number of looks"),
            ("alice add 1 beach", "IMAGE@NAME"),
            ("alice add 1 beach@carol", "there are alice, bob"),
            ("loss 60%", "0% to 50%"),
            ("", "unknown step"),
        ];
        for (text, told) in cases {
            let error = parse(text).expect_err(text);
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn words_of_steps_and_servers_are_no_names_of_people() {
        for name in [
            "n1", "n12", "etcd1", "all", "elected", "Alice", "", "4you", "a b",
        ] {
            assert!(!is_person_name(name), "{name}");
        }
        for name in ["alice", "nina", "bob-2"] {
            assert!(is_person_name(name), "{name}");
        }
    }
}
