//! The stage of real processes: nodes on loopback behind the proxy, struck by kill -9, stopped
//! and continued by signals, told by their operator's socket.
//!
//! All processes are our children and end with the stage, and its folder goes with it.

mod proxy;
mod signals;
mod watcher;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use self::proxy::{Face, Proxy, Rules};
use self::signals::Throttle;
use self::watcher::Watcher;
use super::interruption::Interruption;
use super::scenario::Scenario;
use super::scenario::step::{Cast, Host};
use super::stage::{Deed, Happened, Stage, What};
use crate::node::config::{
    ClientConfig, LedgerConfig, ServerAddress, ServerConfig, TokenConfig, WorkConfig,
};
use crate::node::server_key;
use crate::proto::control::{Command, Failure, Reason};
use crate::proto::identity::PublicKey;
use crate::proto::operator::ServerCommand;
use crate::sim::network::{Cuts, Weather};
use crate::talk::{failures, home};

/// What happened and is not taken in yet; who tells more waits.
const NEWS_MAX: usize = 65_536;
/// How long the wait for news goes on before an interruption is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Says what happened, from any thread.
#[derive(Clone)]
struct Teller {
    started: Instant,
    news: SyncSender<Happened>,
}

impl Teller {
    fn tell(&self, host: Host, what: What) {
        let at_us = micros(clock().duration_since(self.started));
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
        let faces = faces(servers, hosts).map_err(|error| system(&error))?;
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
        let folders = places[..servers].iter().map(|place| place.folder.clone());
        let watcher = Watcher::start(folders.collect(), teller.clone());
        let stage = Self {
            teller,
            news,
            servers,
            places,
            watcher: watcher.map_err(|error| system(&error))?,
            proxy,
            folder,
            interruption,
        };
        stage.write_files(&cast, &faces, token)?;
        Ok(stage)
    }

    /// Configures every node with its own addresses and the aliases of all others.
    fn write_files(
        &self,
        cast: &Cast<'_>,
        faces: &[Face],
        token: TokenConfig,
    ) -> Result<(), Failure> {
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
                    work: WorkConfig::default(),
                    ledger: LedgerConfig::default(),
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
        Ok(())
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

    fn strike(&mut self, host: Host) {
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
            self.strike(host);
        }
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
            Deed::Strike => self.strike(host),
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

    fn cut(&mut self, one: Host, other: Host, cut: bool) {
        self.proxy
            .change(|rules| rules.cuts.between(one, other, cut));
    }

    fn weather(&mut self, weather: Weather) {
        self.proxy.change(|rules| rules.weather = weather);
    }
}

/// The sockets that the nodes will have, on free ports of loopback: two for each server, one for
/// each client.
fn faces(servers: usize, hosts: usize) -> std::io::Result<Vec<Face>> {
    let mut held = Vec::new();
    let mut faces = Vec::new();
    for host in 0..hosts {
        for _ in 0..if host < servers { 2 } else { 1 } {
            let socket = UdpSocket::bind(("127.0.0.1", 0))?;
            let real = socket.local_addr()?;
            held.push(socket);
            faces.push(Face { host, real });
        }
    }
    Ok(faces)
}

const CONFIG: &str = "node.toml";

fn write_toml<T: serde::Serialize>(folder: &Path, config: &T) -> Result<(), Failure> {
    let text = toml::to_string(config)
        .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))?;
    let path = folder.join(CONFIG);
    fs::write(&path, text).map_err(|error| failures::file(&path, &error))
}

/// Starts a node with this very program; what it logs goes to its folder.
fn spawn(folder: &Path, role: &str) -> Result<Child, Failure> {
    let path = folder.join("node.log");
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
