//! The ledger of a server that is stopped: out to a file, in from files, and out of the way when it
//! is damaged. Opens the server's own database, so nothing happens while the server runs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::config::ServerConfig;
use super::http_desk::HttpClient;
use super::machines::agreed_rows;
use super::vault::{Vault, VaultError};
use crate::actors::consensus::moving::{self, Exported, MoveError};
use crate::actors::consensus::{
    Agreed, Config, Etcd, Import, Input, Output, Rows, StateMachine, Whereabouts, Why,
};
use crate::actors::edges::{HttpAnswer, HttpOrder};
use crate::actors::machine::{Machine, Outbox};
use crate::proto::codec;
use crate::proto::ids::{Digest, NodeId};
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::time::{Calendar, Moment};

/// Questions to etcd before it counts as not answering, for each endpoint.
const TRIES: usize = 5;
/// Questions to learn the whole ledger: far more than its parts are.
const ROUNDS_MAX: usize = 100_000;

/// Why nothing was done.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The folder of the server cannot be used; a server that runs has it, too.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The ledger may not be moved so.
    #[error("{0}")]
    Move(#[from] MoveError),
    /// A file is none of ours.
    #[error("{path}: {error}")]
    Strange {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: MoveError,
    },
    /// etcd does not answer, or not as it should.
    #[error("etcd: {0}")]
    Etcd(String),
    /// What etcd has is not to be believed.
    #[error("the ledger in etcd: {0}")]
    Doubtful(Why),
}

/// What was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The last entry.
    pub seq: u64,
    /// Tells states apart: the same on all servers that import the same.
    pub digest: Digest,
    /// Grants in it.
    pub grants: usize,
    /// Size of the state, in bytes.
    pub size_bytes: usize,
}

impl Moved {
    fn of(file: &Exported) -> Result<Self, MoveError> {
        let state = Agreed::restore(&file.state).map_err(|_| MoveError::NoFile)?;
        Ok(Self {
            seq: file.seq,
            digest: file.digest(),
            grants: state.ledger().accounts().count(),
            size_bytes: file.state.len(),
        })
    }
}

/// A server that is stopped.
struct Stopped<'a> {
    config: &'a ServerConfig,
    vault: Vault,
    rows: Rows,
    me: NodeId,
    servers: Vec<NodeId>,
}

impl<'a> Stopped<'a> {
    fn open(config: &'a ServerConfig) -> Result<Self, LedgerError> {
        let vault = Vault::open(&config.data)?;
        let rows = agreed_rows(&vault.tables()?);
        Ok(Self {
            config,
            vault,
            rows,
            me: config.own().node(),
            servers: config.servers.iter().map(|server| server.node()).collect(),
        })
    }
}

/// Writes the ledger to a file. This server does not go on with it then; in etcd nobody does.
///
/// # Errors
/// If there is no ledger, or it is not to be believed. Then nothing was changed, except that a
/// file may be left.
pub fn export(config: &ServerConfig, to: &Path) -> Result<Moved, LedgerError> {
    let server = Stopped::open(config)?;
    let file = match server.rows.whereabouts() {
        Whereabouts::Embedded => {
            let blank = Agreed::default();
            moving::export(server.me, &server.servers, &server.rows, blank)?
        }
        Whereabouts::Etcd => return export_from_etcd(&server, to),
        elsewhere => return Err(MoveError::Elsewhere(elsewhere).into()),
    };
    let moved = Moved::of(&file)?;
    write(to, &file.encode())?;
    server.vault.commit(&[moving::exported_record()])?;
    Ok(moved)
}

fn export_from_etcd(server: &Stopped<'_>, to: &Path) -> Result<Moved, LedgerError> {
    let client = HttpClient::new(server.config.ledger.asked());
    loop {
        let machine = caught_up(server, &client)?;
        let no_ledger = || LedgerError::Move(MoveError::Elsewhere(Whereabouts::Nowhere));
        let file = machine.exported().ok_or_else(no_ledger)?;
        let order = machine.closing().ok_or_else(no_ledger)?;
        let moved = Moved::of(&file)?;
        write(to, &file.encode())?;
        let answer = ask(&client, server, order);
        if machine.is_closed(answer).map_err(LedgerError::Etcd)? {
            server.vault.commit(&[moving::exported_record()])?;
            return Ok(moved);
        }
        // Another server appended meanwhile.
        remove(to)?;
    }
}

/// A server that has learned everything that is in etcd. It appends nothing.
fn caught_up(server: &Stopped<'_>, client: &HttpClient) -> Result<Etcd<Agreed>, LedgerError> {
    let etcd = server.config.ledger.etcd();
    let etcd = etcd.ok_or(MoveError::Elsewhere(Whereabouts::Etcd))?;
    let (endpoints, blank) = (etcd.endpoints, Agreed::default());
    let config = Config::lan(server.me, Vec::new(), Calendar::default());
    let mut machine = Etcd::new(config, etcd, blank, &server.rows, [0; 32]);
    let (mut now, mut failures) = (Moment::START, 0);
    let mut out = Outbox::new();
    machine.on_deadline(now, &mut out);
    for _ in 0..ROUNDS_MAX {
        for words in out.take() {
            match words {
                Output::Http { ticket, order } => {
                    let answer = client.ask(&order);
                    let Some(words) = failed(&answer) else {
                        failures = 0;
                        machine.handle(now, Input::Http { ticket, answer }, &mut out);
                        continue;
                    };
                    failures += 1;
                    if failures > TRIES * endpoints {
                        return Err(LedgerError::Etcd(words));
                    }
                    machine.handle(now, Input::Http { ticket, answer }, &mut out);
                }
                Output::Quarantined(why) => return Err(LedgerError::Doubtful(why)),
                _ => {}
            }
            if machine.exported().is_some() {
                return Ok(machine);
            }
        }
        if out.is_empty() {
            now = machine.deadline().unwrap_or(now);
            machine.on_deadline(now, &mut out);
        }
    }
    Err(LedgerError::Etcd("it does not come to an end".into()))
}

fn failed(answer: &HttpAnswer) -> Option<String> {
    match answer {
        HttpAnswer::Failed(words) => Some(words.clone()),
        HttpAnswer::Done { status: 200, .. } => None,
        HttpAnswer::Done { status, .. } => Some(format!("status {status}")),
    }
}

/// Asks one endpoint after another until one answers.
fn ask(client: &HttpClient, server: &Stopped<'_>, order: HttpOrder) -> HttpAnswer {
    let endpoints = server.config.ledger.asked().len().max(1);
    let mut answer = HttpAnswer::Failed("no endpoint".into());
    for endpoint in (0..endpoints).cycle().take(TRIES * endpoints) {
        let order = HttpOrder {
            endpoint,
            ..order.clone()
        };
        answer = client.ask(&order);
        if failed(&answer).is_none() {
            break;
        }
    }
    answer
}

/// Makes the ledger of exported files that of this server, in the store that is configured. To be
/// done for every server of the cluster, with the same files.
///
/// # Errors
/// If the files do not make one, or this server or etcd has another. Nothing was changed then,
/// except that parts may lie in etcd.
pub fn import(config: &ServerConfig, files: &[PathBuf]) -> Result<Moved, LedgerError> {
    let server = Stopped::open(config)?;
    let mut all = Vec::new();
    for path in files {
        let bytes = read(path)?;
        all.push(
            Exported::decode(&bytes).map_err(|error| LedgerError::Strange {
                path: path.clone(),
                error,
            })?,
        );
    }
    let file = moving::choose(&all)?;
    moving::may_import(&server.rows, file)?;
    let moved = Moved::of(file)?;
    let mut records = moving::cleared(&server.rows);
    match config.ledger.etcd() {
        None => records.extend(moving::embedded_rows(server.me, &server.servers, file)),
        Some(etcd) => {
            let client = HttpClient::new(config.ledger.asked());
            let mut import = Import::new(etcd, file, server.me);
            while let Some(order) = import.next() {
                let answer = ask(&client, &server, order);
                import.answered(answer).map_err(LedgerError::Etcd)?;
            }
            records.push(import.record());
        }
    }
    server.vault.commit(&records)?;
    Ok(moved)
}

/// What was put out of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Where the rows are now.
    pub file: PathBuf,
    /// Why this server was quarantined.
    pub why: Why,
}

/// Puts the ledger of a quarantined server out of the way, into a file beside its database, so that
/// it takes part again as one that has lost its disk.
///
/// # Errors
/// If it is not quarantined, or the file cannot be written.
pub fn set_aside(config: &ServerConfig) -> Result<Aside, LedgerError> {
    let server = Stopped::open(config)?;
    let why = moving::trouble(server.me, &server.servers, &server.rows);
    let why = why.ok_or(MoveError::Sound)?;
    let rows = codec::encode(&(&server.rows.log, &server.rows.state, &server.rows.snapshot));
    let name = format!("ledger-aside-{}.bin", &Digest::of(&rows).to_string());
    let file = config.data.join(name);
    if !file.exists() {
        write(&file, &rows)?;
    }
    server.vault.commit(&moving::cleared(&server.rows))?;
    Ok(Aside { file, why })
}

/// A whole file that nobody else reads, on disk when it is there.
fn write(path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    });
    written.map_err(|source| LedgerError::File {
        path: path.to_owned(),
        source,
    })
}

fn remove(path: &Path) -> Result<(), LedgerError> {
    fs::remove_file(path).map_err(|source| LedgerError::File {
        path: path.to_owned(),
        source,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, LedgerError> {
    let mut bytes = Vec::new();
    let limit = MESSAGE_MAX_BYTES as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|source| LedgerError::File {
        path: path.to_owned(),
        source,
    })
}
