//! The stage of real processes: nodes on loopback behind the proxy, struck by kill -9, stopped
//! and continued by signals, told by their operator's socket.
//!
//! All processes are our children and end with the stage, and its folder goes with it.

mod disks;
mod people;
mod proxy;
mod signals;
mod spinners;
mod watcher;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use self::disks::SmallDisk;
use self::people::People;
use self::proxy::{Face, Proxy, Rules};
use self::signals::Throttle;
use self::spinners::Spinners;
use self::watcher::Watcher;
use super::interruption::Interruption;
use super::members::Members;
use super::orders::Judged;
use super::scenario::step::{Cast, Host, Step};
use super::scenario::{Scenario, Store};
use super::stage::{Deed, Happened, Stage, What};
use crate::net::free_port;
use crate::node::config::{
    ClientConfig, LedgerConfig, LedgerStore, ServerAddress, ServerConfig, TokenConfig, WorkConfig,
};
use crate::node::server_key;
use crate::proto::control::{Command, Failure, Reason};
use crate::proto::identity::PublicKey;
use crate::proto::operator::ServerCommand;
use crate::sim::network::{Cuts, Weather};
use crate::talk::session::pause;
use crate::talk::{failures, home};

/// What happened and is not taken in yet; who tells more waits.
const NEWS_MAX: usize = 65_536;
/// Orders that servers keep where servers end: each is on the disk of one of those.
const HISTORY: u32 = 20_000;
/// And where none ends before the last: all of an hour.
const WHOLE_HISTORY: u32 = 500_000;
/// How long the wait for news goes on before an interruption is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Says what happened, from any thread.
#[derive(Clone)]
struct Teller {
    started: Instant,
    news: SyncSender<Happened>,
}

impl Teller {
    /// A moment in microseconds since the stage was set.
    fn micros(&self, moment: Instant) -> u64 {
        micros(moment.duration_since(self.started))
    }

    fn tell(&self, host: Host, what: What) {
        let at_us = self.micros(clock());
        // After the end nobody listens any more.
        let _ = self.news.send(Happened { at_us, host, what });
    }
}

/// One host: its folder, its process, and the way to it.
struct Place {
    folder: PathBuf,
    child: Option<Child>,
    throttle: Option<Throttle>,
    slower: u32,
    talk: Option<watcher::Talk>,
}

/// See the module.
pub(super) struct Processes {
    teller: Teller,
    news: Receiver<Happened>,
    servers: usize,
    places: Vec<Place>,
    proxy: Proxy,
    watcher: Watcher,
    /// Taken away before the folder.
    disks: Vec<SmallDisk>,
    people: Option<People>,
    etcd: Option<Members>,
    /// Orders that servers keep.
    history: u32,
    /// Kept for as long as the stage.
    _spinners: Option<Spinners>,
    folder: PathBuf,
    interruption: Interruption,
}

#[expect(
    clippy::disallowed_methods,
    reason = "an edge: real processes take real time"
)]
fn clock() -> Instant {
    Instant::now()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn system(error: &std::io::Error) -> Failure {
    let message = format!("the operating system refuses: {error}");
    Failure::new(Reason::Other, message, "end other programs")
}

impl Processes {
    /// The stage of a scenario, with everybody down.
    pub(super) fn set(
        scenario: &Scenario,
        seed: u64,
        token: TokenConfig,
        weather: Weather,
    ) -> Result<Self, Failure> {
        let interruption = Interruption::watch().map_err(|error| system(&error))?;
        let name = format!("pentimento-chaos-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).map_err(|error| failures::file(&folder, &error))?;
        let servers = *scenario.cluster.nodes.get_ref();
        let cast = Cast {
            servers,
            clients: scenario.cluster.clients.get_ref(),
        };
        let hosts = servers + cast.clients.len();
        let people = scenario.orders.as_ref();
        let people = people.map_or(0, |orders| *orders.people.get_ref());
        let faces = faces(servers, hosts, people).map_err(|error| system(&error))?;
        let rules = Rules {
            weather,
            cuts: Cuts::default(),
        };
        let proxy = Proxy::start(faces.clone(), rules, seed).map_err(|error| system(&error))?;
        let (news_in, news) = mpsc::sync_channel(NEWS_MAX);
        let teller = Teller {
            started: clock(),
            news: news_in,
        };
        let places: Vec<Place> = (0..hosts)
            .map(|host| Place {
                folder: folder.join(cast.name(host)),
                child: None,
                throttle: None,
                slower: 1,
                talk: None,
            })
            .collect();
        let disks = small_disks(scenario, &places[..servers])?;
        let folders = places[..servers].iter().map(|place| place.folder.clone());
        let watcher = Watcher::start(folders.collect(), teller.clone());
        let in_etcd = *scenario.cluster.ledger.get_ref() == Store::Etcd;
        let etcd = in_etcd.then(|| Members::start(&folder)).transpose()?;
        let spinners = scenario.cluster.busy.then(Spinners::start).transpose();
        let mut stage = Self {
            people: None,
            etcd,
            history: history(scenario),
            _spinners: spinners.map_err(|error| system(&error))?,
            teller,
            news,
            servers,
            places,
            watcher: watcher.map_err(|error| system(&error))?,
            proxy,
            disks,
            folder,
            interruption,
        };
        let aliases = stage.write_files(&cast, &faces, token)?;
        if let Some(orders) = &scenario.orders {
            let of_people = |face: &&Face| face.host == hosts;
            let addresses = faces.iter().filter(of_people).map(|face| face.real);
            let (ledger, copies) = (stage.ledger(), stage.folder.join("copies"));
            let noted = (copies.as_path(), seed);
            let people = People::new(orders, addresses.collect(), aliases, &ledger, noted);
            stage.people = Some(people.map_err(|error| system(&error))?);
        }
        Ok(stage)
    }

    /// Where the ledger lies.
    fn ledger(&self) -> LedgerConfig {
        let embedded = LedgerConfig {
            history: self.history,
            ..LedgerConfig::default()
        };
        match &self.etcd {
            None => embedded,
            Some(members) => LedgerConfig {
                store: LedgerStore::Etcd,
                endpoints: members.urls(),
                ..embedded
            },
        }
    }

    /// Configures every node with its own addresses and the aliases of all others. Gives the
    /// aliases of the servers.
    fn write_files(
        &self,
        cast: &Cast<'_>,
        faces: &[Face],
        token: TokenConfig,
    ) -> Result<Vec<ServerAddress>, Failure> {
        let aliases = self.proxy.aliases();
        let keys = self.places[..self.servers].iter().map(|place| {
            let made = server_key::make(&place.folder);
            made.map(|(secret, _)| secret.public())
                .map_err(|error| Failure::new(Reason::Disk, error.to_string(), error.hint()))
        });
        let keys: Vec<PublicKey> = keys.collect::<Result<_, _>>()?;
        let address = |server: usize, of: &dyn Fn(usize) -> SocketAddr| ServerAddress {
            id: server as u8 + 1,
            clients: of(2 * server),
            peers: of(2 * server + 1),
            key: keys[server],
        };
        let real = |face: usize| faces[face].real;
        let alias = |face: usize| aliases[face];
        let others: Vec<ServerAddress> = (0..self.servers)
            .map(|server| address(server, &alias))
            .collect();
        for (host, place) in self.places.iter().enumerate() {
            fs::create_dir_all(&place.folder)
                .map_err(|error| failures::file(&place.folder, &error))?;
            if host < self.servers {
                let mut servers = others.clone();
                servers[host] = address(host, &real);
                let config = ServerConfig {
                    id: host as u8 + 1,
                    data: place.folder.clone(),
                    covers: Some(self.folder.join("covers")),
                    admin: SocketAddr::from(([127, 0, 0, 1], 0)),
                    token,
                    // It would take the processor from what is measured.
                    work: WorkConfig {
                        draw_ahead: false,
                        ..WorkConfig::default()
                    },
                    ledger: self.ledger(),
                    servers,
                };
                write_toml(&place.folder, &config)?;
            } else {
                home::make_key(&place.folder)?;
                let config = ClientConfig {
                    name: cast.name(host),
                    home: Some(place.folder.clone()),
                    listen: real(self.servers + host),
                    local_addresses: true,
                    servers: others.clone(),
                };
                write_toml(&place.folder, &config)?;
            }
        }
        Ok(others)
    }

    /// Whether a signal asked us to end.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interruption.has_come()
    }

    fn start(&mut self, host: Host) -> Result<(), Failure> {
        let is_server = host < self.servers;
        let place = &mut self.places[host];
        let role = if is_server { "server" } else { "client" };
        place.child = Some(spawn(&place.folder, role)?);
        if is_server {
            self.watcher.watch(host, true);
        } else {
            let talk = watcher::Talk::open(host, place.folder.clone(), self.teller.clone());
            place.talk = Some(talk.map_err(|error| system(&error))?);
        }
        let slower = place.slower;
        self.slow(host, slower)
    }

    fn end(&mut self, host: Host) {
        if host < self.servers {
            self.watcher.watch(host, false);
        }
        let place = &mut self.places[host];
        place.talk = None;
        place.throttle = None;
        if let Some(mut child) = place.child.take() {
            // One that has ended by itself is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn strike(&mut self, host: Host) -> Result<(), Failure> {
        let had_run = self.places[host].child.is_some();
        self.end(host);
        match &mut self.people {
            Some(people) if had_run && host < self.servers => {
                let noted = people.ended(host, &self.places[host].folder);
                noted.map_err(|error| system(&error))
            }
            _ => Ok(()),
        }
    }

    fn slow(&mut self, host: Host, times: u32) -> Result<(), Failure> {
        let place = &mut self.places[host];
        place.slower = times;
        place.throttle = None;
        if let Some(child) = place.child.as_ref().filter(|_| times > 1) {
            let throttle = Throttle::start(child.id(), times);
            place.throttle = Some(throttle.map_err(|error| system(&error))?);
        }
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for host in 0..self.places.len() {
            self.end(host);
        }
        self.disks.clear();
        // What cannot be deleted is in the folder for such things.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Stage for Processes {
    fn now_us(&self) -> u64 {
        micros(clock().duration_since(self.teller.started))
    }

    fn advance(&mut self, until_us: u64) -> Result<Vec<Happened>, Failure> {
        loop {
            if self.is_interrupted() {
                return Err(Failure::new(Reason::Other, "interrupted", ""));
            }
            let left = Duration::from_micros(until_us.saturating_sub(self.now_us()));
            match self.news.recv_timeout(left.min(LOOK_EVERY)) {
                Ok(first) => return Ok(vec![first]),
                Err(RecvTimeoutError::Timeout) if left > LOOK_EVERY => {}
                Err(_) => return Ok(Vec::new()),
            }
        }
    }

    fn deed(&mut self, host: Host, deed: Deed) -> Result<(), Failure> {
        let pid = self.places[host].child.as_ref().map(Child::id);
        match deed {
            Deed::Start => return self.start(host),
            Deed::Strike => return self.strike(host),
            Deed::Pause | Deed::Resume => {
                let stop = deed == Deed::Pause;
                if host < self.servers {
                    self.watcher.watch(host, !stop);
                }
                if let Some(pid) = pid {
                    signals::send(pid, stop);
                }
            }
            Deed::Slow(times) => return self.slow(host, times),
            Deed::Wipe => return disks::wipe(&self.places[host].folder, &KEPT),
            Deed::Fill(true) => return disks::fill(&self.places[host].folder),
            Deed::Fill(false) => return disks::make_room(&self.places[host].folder),
        }
        Ok(())
    }

    fn wish(&mut self, client: Host, number: u64, command: Command) -> Result<(), Failure> {
        if let Some(talk) = &self.places[client].talk {
            talk.wish(number, command);
        }
        Ok(())
    }

    fn operate(&mut self, server: Host, command: ServerCommand) {
        watcher::operate(self.places[server].folder.clone(), command);
    }

    fn cut(&mut self, from: Host, to: Host, cut: bool) {
        self.proxy.change(|rules| rules.cuts.one_way(from, to, cut));
    }

    fn member(&mut self, member: u8, up: bool) -> Result<(), Failure> {
        match &mut self.etcd {
            Some(members) if up => members.raise(member),
            Some(members) => members.kill(member),
            None => Ok(()),
        }
    }

    fn begin_orders(&mut self) -> Result<(), Failure> {
        let begun = self.people.as_mut().map_or(Ok(()), People::begin);
        begun.map_err(|error| system(&error))
    }

    fn end_orders(&mut self) -> Result<Option<Judged>, Failure> {
        let Some(mut people) = self.people.take() else {
            return Ok(None);
        };
        let told = people.end().map_err(|error| system(&error))?;
        // The last entry reaches everybody.
        pause(Duration::from_secs(2));
        self.people = Some(people);
        for server in 0..self.servers {
            self.strike(server)?;
        }
        let (Some(people), Some(told)) = (self.people.take(), told) else {
            return Ok(None);
        };
        let judged = people.judge(told);
        judged.map(Some).map_err(|error| system(&error))
    }

    fn weather(&mut self, weather: Weather) {
        self.proxy.change(|rules| rules.weather = weather);
    }
}

/// Orders that servers have to keep so that in the end none is missing.
fn history(scenario: &Scenario) -> u32 {
    let ends = scenario.steps.iter().any(|(_, step)| step.ends_servers());
    if ends { HISTORY } else { WHOLE_HISTORY }
}

/// Disks of their own for servers of which one is to be full.
fn small_disks(scenario: &Scenario, places: &[Place]) -> Result<Vec<SmallDisk>, Failure> {
    let is_fill = |(_, step): &(f64, Step)| matches!(step, Step::Fill(..));
    let wanted = scenario.steps.iter().any(is_fill);
    let places = places.iter().filter(|_| wanted);
    places
        .map(|place| SmallDisk::mount(&place.folder))
        .collect()
}

/// The sockets that the nodes will have, on free ports of loopback: two for each server, one for
/// each client, one for each of the people without homes, who are the last host and have addresses
/// of their own, since an address has a rate of handshakes.
fn faces(servers: usize, hosts: usize, people: usize) -> std::io::Result<Vec<Face>> {
    let mut held = Vec::new();
    let mut faces = Vec::new();
    for host in 0..hosts {
        for _ in 0..if host < servers { 2 } else { 1 } {
            let socket = free_port::udp(Ipv4Addr::LOCALHOST.into())?;
            let real = socket.local_addr()?;
            held.push(socket);
            faces.push(Face { host, real });
        }
    }
    for person in 1..=people as u8 {
        let socket = free_port::udp(Ipv4Addr::new(127, 1, 0, person).into())?;
        let real = socket.local_addr()?;
        held.push(socket);
        faces.push(Face { host: hosts, real });
    }
    Ok(faces)
}

const CONFIG: &str = "node.toml";
const LOG: &str = "node.log";
/// What an operator puts back on a new disk, and what was logged.
const KEPT: [&str; 3] = [CONFIG, LOG, server_key::KEY_FILE];

fn write_toml<T: serde::Serialize>(folder: &Path, config: &T) -> Result<(), Failure> {
    let text = toml::to_string(config)
        .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))?;
    let path = folder.join(CONFIG);
    fs::write(&path, text).map_err(|error| failures::file(&path, &error))
}

/// Starts a node with this very program; what it logs goes to its folder.
fn spawn(folder: &Path, role: &str) -> Result<Child, Failure> {
    let path = folder.join(LOG);
    let log = fs::File::options().create(true).append(true).open(&path);
    let log = log.map_err(|error| failures::file(&path, &error))?;
    let program = std::env::current_exe().map_err(|error| system(&error))?;
    Program::new(&program)
        .args(["node", "--role", role, "--config"])
        .arg(folder.join(CONFIG))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| failures::file(&program, &error))
}
