//! A cluster of real processes in a folder of its own: started, struck down, started again.
//!
//! Dropping a [`Stage`] ends every process it started, so a test that panics leaves none behind.
//! Waiting is polling with a deadline of steps; no test asserts how long something took.

mod guest;
mod ran;
mod sharing;
mod tampering;
mod wall;

pub(crate) use self::guest::Guest;
pub(crate) use self::sharing::look;
pub(crate) use self::tampering::has_other_clocks;
pub(crate) use self::wall::Wall;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use pentimento::cli::cluster;
use pentimento::net::free_port;
use pentimento::node::config::{ClientConfig, ServerAddress, TokenConfig};
use pentimento::node::control::Link;
use pentimento::proto::control::{Carrier, Command, Failure, Outcome, Progress};
use pentimento::proto::operator::ServerStatus;
use pentimento::talk::home;
use pentimento::talk::session::{Session, pause};
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub(crate) use ran::Ran;

/// The servers of every stage.
pub(crate) const SERVERS: [u8; 3] = [1, 2, 3];

const PERSON: &str = env!("CARGO_BIN_EXE_pentimento");
const NODE: &str = env!("CARGO_BIN_EXE_pentimento-node");

/// Clusters that run at a time, so that a machine with many cores is not flooded with processes.
const STAGES_MAX: u32 = 2;
const STEP: Duration = Duration::from_millis(50);
/// 60 s of steps; an attempt takes its own time besides.
const STEPS: u32 = 1_200;
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Tries until there is something; panics with `what` when it never comes.
#[track_caller]
pub(crate) fn until<T>(what: &str, attempt: impl FnMut() -> Option<T>) -> T {
    tried(attempt).unwrap_or_else(|| panic!("never came: {what}"))
}

fn tried<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..STEPS {
        if let Some(found) = attempt() {
            return Some(found);
        }
        pause(STEP);
    }
    None
}

/// Random bytes, the same for the same seed.
pub(crate) fn noise(seed: u64, size_bytes: usize) -> Bytes {
    let mut bytes = vec![0; size_bytes];
    ChaCha8Rng::seed_from_u64(seed).fill(&mut bytes[..]);
    bytes.into()
}

/// Processes and folders of one test.
pub(crate) struct Stage {
    running: BTreeMap<String, Child>,
    servers: Vec<ServerAddress>,
    folder: tempfile::TempDir,
    // Last, so that the next stage begins when this one is gone.
    _place: Place,
}

impl Stage {
    /// Folders and configurations of three servers; nothing runs.
    pub(crate) fn set() -> Self {
        let place = Place::take();
        let folder = tempfile::tempdir().expect("a folder");
        let cluster = folder.path().join("cluster");
        let servers = cluster::free_addresses(&cluster, SERVERS[2]).expect("free ports");
        let stage = Self {
            running: BTreeMap::new(),
            servers,
            folder,
            _place: place,
        };
        cluster::write_files(&stage.cluster(), &stage.servers, TokenConfig::default())
            .expect("configurations");
        stage
    }

    /// Three servers that are ready, and these people with their clients.
    pub(crate) fn with(people: &[&str]) -> Self {
        let mut stage = Self::set();
        for id in SERVERS {
            stage.raise(id);
        }
        stage.wait_ready();
        for name in people {
            stage.invite(name);
            stage.enter(name);
        }
        for name in people {
            stage.wait_online(name);
        }
        stage
    }

    /// The folder of everything.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the servers.
    pub(crate) fn cluster(&self) -> PathBuf {
        self.folder().join("cluster")
    }

    /// The folder of one server.
    pub(crate) fn data(&self, id: u8) -> PathBuf {
        cluster::server_folder(&self.cluster(), id)
    }

    /// The home of a person.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Where the servers listen.
    pub(crate) fn servers(&self) -> &[ServerAddress] {
        &self.servers
    }

    /// Starts a server.
    pub(crate) fn raise(&mut self, id: u8) {
        self.raise_with(id, &[]);
    }

    /// Starts a server with further arguments.
    pub(crate) fn raise_with(&mut self, id: u8, arguments: &[&str]) {
        let data = self.data(id);
        let mut node = Program::new(NODE);
        node.args(["--role", "server", "--config"])
            .arg(data.join("server.toml"))
            .args(arguments);
        self.start(&server_name(id), node, &data);
    }

    /// Waits until every server sees all others and has caught up.
    #[track_caller]
    pub(crate) fn wait_ready(&self) {
        for id in SERVERS {
            let ready = tried(|| {
                let status = self.status(id)?;
                let sees_all = status.alive.len() == SERVERS.len();
                (sees_all && status.caught_up && status.ledger.serves()).then_some(())
            });
            ready.unwrap_or_else(|| panic!("server {id} is never ready{}", self.last_words()));
        }
    }

    /// How the servers are, and the ends of their logs.
    fn last_words(&self) -> String {
        let of = |id| {
            let log = fs::read_to_string(self.data(id).join("node.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(8)..].join("\n");
            format!("\nserver {id}: {:?}\n{last}", self.status(id))
        };
        SERVERS.map(of).concat()
    }

    /// How a server is; none if it does not answer.
    pub(crate) fn status(&self, id: u8) -> Option<ServerStatus> {
        cluster::status(&self.data(id)).ok()
    }

    /// Makes a person's key and configuration. Gives the address their client will listen on.
    pub(crate) fn invite(&self, name: &str) -> SocketAddr {
        home::make_key(&self.home(name)).expect("a key");
        let listen = free_port();
        self.invite_by(name, listen, &self.servers, true);
        listen
    }

    /// Makes the configuration of a person with a key anew, with servers at other addresses.
    pub(crate) fn invite_by(
        &self,
        name: &str,
        listen: SocketAddr,
        servers: &[ServerAddress],
        local_addresses: bool,
    ) {
        let config = ClientConfig {
            name: name.to_owned(),
            home: None,
            listen,
            local_addresses,
            servers: servers.to_vec(),
        };
        let text = toml::to_string(&config).expect("a configuration");
        let file = self.home(name).join(home::CONFIG_FILE);
        fs::write(file, text).expect("the home can be written");
    }

    /// Starts a person's client.
    pub(crate) fn enter(&mut self, name: &str) {
        let home = self.home(name);
        let mut node = Program::new(NODE);
        node.args(["--role", "client", "--config"])
            .arg(home.join(home::CONFIG_FILE));
        self.start(name, node, &home);
        until(&format!("the client of {name} listens"), || {
            Link::connect(&home).ok()
        });
    }

    /// Starts a person's client by the person's own program.
    pub(crate) fn enter_by_run(&mut self, name: &str) {
        let home = self.home(name);
        let mut person = Program::new(PERSON);
        person.arg("run").arg("--home").arg(&home);
        self.start(name, person, &home);
        until(&format!("`run` of {name} listens"), || {
            Link::connect(&home).ok()
        });
    }

    /// Waits until all servers answer a person's client.
    #[track_caller]
    pub(crate) fn wait_online(&self, name: &str) {
        until(&format!("{name} is online"), || {
            match self.ask(name, Command::Status) {
                Ok(Outcome::Status(status)) => {
                    (status.servers_answering.len() == SERVERS.len()).then_some(())
                }
                _ => None,
            }
        });
    }

    fn start(&mut self, name: &str, mut program: Program, folder: &Path) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("node.log"));
        let child = program
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("a log"))
            .spawn()
            .expect("the program starts");
        let before = self.running.insert(name.to_owned(), child);
        assert!(before.is_none(), "{name} runs already");
    }

    /// Ends a process at once (SIGKILL), without a goodbye.
    pub(crate) fn strike(&mut self, name: &str) {
        let mut child = self.running.remove(name).expect("it runs");
        child
            .kill()
            .and_then(|()| child.wait())
            .expect("it can be ended");
    }

    /// The number of a process that runs.
    pub(crate) fn process(&self, name: &str) -> u32 {
        self.running[name].id()
    }

    /// Waits until a process has ended by itself; its exit code.
    pub(crate) fn ended(&mut self, name: &str) -> Option<i32> {
        let mut child = self.running.remove(name).expect("it runs");
        let ended = until(&format!("{name} ends"), || {
            child.try_wait().expect("its state is known")
        });
        ended.code()
    }

    /// Ends a server at once, without a goodbye.
    pub(crate) fn strike_server(&mut self, id: u8) {
        self.strike(&server_name(id));
    }

    /// The names of all processes that were started and have ended by themselves.
    pub(crate) fn fallen(&mut self) -> Vec<String> {
        let mut fallen = Vec::new();
        for (name, child) in &mut self.running {
            if child.try_wait().expect("its state is known").is_some() {
                fallen.push(name.clone());
            }
        }
        fallen
    }

    /// A figure of a server's memory: `VmRSS:` what it has, `VmHWM:` the most that it had.
    pub(crate) fn memory_kib(&self, id: u8, field: &str) -> u64 {
        let process = self.running[&server_name(id)].id();
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|rest| rest.split_whitespace().next());
        number
            .and_then(|text| text.parse().ok())
            .expect("a number of kB")
    }

    /// Asks a person's client, which must run.
    pub(crate) fn ask(&self, name: &str, command: Command) -> Result<Outcome, Failure> {
        self.talk(name).ask(command, |_| {})
    }

    /// A conversation with a person's client, which must run.
    pub(crate) fn talk(&self, name: &str) -> Session {
        self.talk_for(name, SILENCE_MAX)
    }

    /// The same, where an answer may take its time.
    pub(crate) fn talk_for(&self, name: &str, silence_max: Duration) -> Session {
        assert!(
            self.running.contains_key(name),
            "the client of {name} does not run"
        );
        Session::open(&self.home(name), silence_max).expect("the client answers")
    }

    /// Hides a file for its owner.
    pub(crate) fn hide(&self, name: &str, original: &Bytes) -> Result<Outcome, Failure> {
        Self::hide_by(&mut self.talk(name), original, |_| {})
    }

    /// Hides a file in a conversation that is open, so that the stage can change meanwhile.
    pub(crate) fn hide_by(
        talk: &mut Session,
        original: &Bytes,
        progress: impl FnMut(Progress),
    ) -> Result<Outcome, Failure> {
        let command = Command::Hide {
            name: "photo".into(),
            original: original.clone(),
            carrier: Carrier::default(),
        };
        talk.ask(command, progress)
    }

    /// Asserts that the person's keys open the picture and give the very bytes.
    #[track_caller]
    pub(crate) fn assert_reveals(&self, name: &str, picture: Bytes, original: &Bytes) {
        match self.ask(name, Command::Reveal(picture)) {
            Ok(Outcome::Revealed { original: back, .. }) => {
                assert!(back == *original, "other bytes came back");
            }
            other => panic!("not revealed: {other:.200?}"),
        }
    }

    /// Runs the person's program to its end.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> Ran {
        let output = Program::new(PERSON)
            .args(arguments)
            .arg("--home")
            .arg(self.home(name))
            .args(["--no-input", "--timeout", "120"])
            .env_remove("PENTIMENTO_LOG")
            .env("XDG_STATE_HOME", self.folder())
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .output()
            .expect("the program runs");
        Ran {
            command: arguments.join(" "),
            output,
        }
    }

    /// Runs `pentimento-node` with these arguments, to its end.
    pub(crate) fn run_server_tool(&self, arguments: &[String]) -> Ran {
        let output = Program::new(NODE)
            .args(arguments)
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .output()
            .expect("the program runs");
        Ran {
            command: format!("pentimento-node {}", arguments.join(" ")),
            output,
        }
    }

    /// Runs `pentimento-node` with a configuration that it must refuse, to its end.
    pub(crate) fn run_node(&self, role: &str, config: &Path) -> Ran {
        let output = Program::new(NODE)
            .args(["--role", role, "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .output()
            .expect("the program runs");
        Ran {
            command: format!("pentimento-node --role {role}"),
            output,
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            // One that has ended already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn server_name(id: u8) -> String {
    format!("n{id}")
}

fn free_port() -> SocketAddr {
    let socket = free_port::udp(Ipv4Addr::LOCALHOST.into()).expect("a free port");
    socket.local_addr().expect("it is bound")
}

static STAGES: Mutex<u32> = Mutex::new(0);
static STAGE_FREE: Condvar = Condvar::new();

/// The right to run one cluster.
struct Place;

impl Place {
    fn count() -> MutexGuard<'static, u32> {
        STAGES.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take() -> Self {
        let taken = |count: &mut u32| *count >= STAGES_MAX;
        let mut count = STAGE_FREE
            .wait_while(Self::count(), taken)
            .unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        Self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *Self::count() -= 1;
        STAGE_FREE.notify_one();
    }
}
