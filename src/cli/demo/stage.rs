//! The processes and folders of a demo, and their end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use crate::cli::cluster;
use crate::cli::failure;
use crate::node::config::TokenConfig;
use crate::node::control::Link;
use crate::proto::control::{Failure, Reason};
use crate::talk::home;
use crate::talk::session::{Session, pause};

/// Servers of the demo.
pub(super) const SERVERS: u8 = 3;
const TIMEOUT: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(20);
const STEPS: u32 = 500;

/// Everything that runs.
pub(super) struct Stage {
    folder: PathBuf,
    running: BTreeMap<String, Child>,
    /// Process ids of what runs on after a demo that is kept.
    kept: Vec<String>,
}

impl Stage {
    /// An empty folder of our own.
    pub(super) fn set() -> Result<Self, Failure> {
        let name = format!("pentimento-demo-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).map_err(|error| failure::file(&folder, &error))?;
        Ok(Self {
            folder,
            running: BTreeMap::new(),
            kept: Vec::new(),
        })
    }

    /// The folder of the servers.
    pub(super) fn cluster(&self) -> PathBuf {
        self.folder.join("cluster")
    }

    /// The home of a person.
    pub(super) fn home(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts the servers on free ports. Drawn covers are shared, since their bytes are the same.
    pub(super) fn raise_servers(&mut self) -> Result<(), Failure> {
        let addresses = cluster::free_addresses(&self.cluster(), SERVERS)?;
        cluster::write_files(&self.cluster(), &addresses, TokenConfig::default())?;
        for server in &addresses {
            let data = cluster::server_folder(&self.cluster(), server.id);
            let child = cluster::start("server", &data.join("server.toml"), &data)?;
            self.running.insert(format!("n{}", server.id), child);
        }
        let ids: Vec<u8> = addresses.iter().map(|server| server.id).collect();
        cluster::wait_ready(&self.cluster(), &ids)
    }

    /// Makes a person's key and configuration.
    pub(super) fn invite(&self, name: &str) -> Result<(), Failure> {
        let home = self.home(name);
        home::make_key(&home)?;
        home::write_config(&home, name, &cluster::servers(&self.cluster())?)
    }

    /// Starts a person's client.
    pub(super) fn enter(&mut self, name: &str) -> Result<(), Failure> {
        let home = self.home(name);
        let child = cluster::start("client", &home.join(home::CONFIG_FILE), &home)?;
        self.running.insert(name.to_owned(), child);
        for _ in 0..STEPS {
            if Link::connect(&home).is_ok() {
                return Ok(());
            }
            pause(STEP);
        }
        Err(failure::unreachable(
            format!("the client of {name} does not start"),
            "see node.log",
        ))
    }

    /// Ends a person's client at once, without a goodbye.
    pub(super) fn strike(&mut self, name: &str) -> Result<(), Failure> {
        let Some(mut child) = self.running.remove(name) else {
            return Ok(());
        };
        end(&mut child).map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))
    }

    /// A conversation with a person's client.
    pub(super) fn talk(&self, name: &str) -> Result<Session, Failure> {
        Session::open(&self.home(name), TIMEOUT)
    }

    /// Ends all processes and deletes all files, unless they are to be kept.
    pub(super) fn clear(&mut self, keep: bool) {
        if keep {
            self.kept = self
                .running
                .values()
                .map(|child| child.id().to_string())
                .collect();
            self.running.clear();
            return;
        }
        for child in self.running.values_mut() {
            // One that has ended already is as good.
            let _ = end(child);
        }
        self.running.clear();
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// How to go on with what was kept.
    pub(super) fn left_behind(&self) -> String {
        format!(
            "kept in {}\nnext: pentimento --home {} lease ls\nend:  kill {}",
            self.folder.display(),
            self.home("alice").display(),
            self.kept.join(" "),
        )
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            let _ = end(child);
        }
    }
}

fn end(child: &mut Child) -> std::io::Result<()> {
    child.kill()?;
    child.wait().map(|_| ())
}

/// Whether the file holds a picture that shows something of these dimensions.
pub(super) fn dimensions(path: &Path) -> Option<(u32, u32)> {
    let bytes = fs::read(path).ok()?;
    let picture = crate::stego::decode(&bytes, &crate::stego::DecodeLimits::default()).ok()?;
    Some((picture.width(), picture.height()))
}
