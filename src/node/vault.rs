//! The disk edge: one database and three picture folders below the home of a node.
//!
//! Runs on a thread of its own, because it waits for the disk. An answer means that the effect
//! survives a crash. Decides nothing.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use actix::{Actor, Context, Handler, Message, Recipient};
use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use thiserror::Error;

use super::machines::Tables;
use super::shell::In;
use super::switchboard::{DiskRequest, EdgeAnswer};
use crate::actors::edges::{
    DiskAnswer, DiskFault, DiskOrder, Folder, PictureFile, Record, Row, Table,
};
use crate::proto::limits::MESSAGE_MAX_BYTES;

/// Name of the database of a home.
pub const DATABASE: &str = "state.redb";
/// So long a database may still be held by a process that was killed.
const LET_GO: Duration = Duration::from_secs(2);
/// Looks at it in that time.
const LET_GO_LOOKS: u32 = 40;
/// Tells who has the database open. The lock of the database decides; this only names its holder.
const HOLDER: &str = "pid";

/// Why a home cannot be opened.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The folder cannot be made or used.
    #[error("cannot use the folder {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process has the database open.
    #[error("{} uses {path} already", process(*pid))]
    InUse {
        /// The file.
        path: PathBuf,
        /// That process, if it said so.
        pid: Option<u32>,
    },
    /// The database is damaged or from another program.
    #[error("cannot open the database {path}: {reason}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database said.
        reason: String,
    },
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

/// An open home.
pub struct Vault {
    home: PathBuf,
    database: Database,
}

impl Vault {
    /// Opens a home, making what is missing.
    ///
    /// # Errors
    /// If the folder cannot be used, or the database is open elsewhere or damaged.
    pub fn open(home: &Path) -> Result<Self, VaultError> {
        let folder = |path: &Path| {
            fs::create_dir_all(path).map_err(|source| VaultError::Folder {
                path: path.to_owned(),
                source,
            })
        };
        folder(home)?;
        for name in [Folder::Originals, Folder::Hidden, Folder::Received].map(folder_name) {
            folder(&home.join(name))?;
        }
        let path = home.join(DATABASE);
        let database = opened(&path).map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => VaultError::InUse {
                path: path.clone(),
                pid: holder(home),
            },
            other => VaultError::Database {
                path: path.clone(),
                reason: other.to_string(),
            },
        })?;
        let name = home.join(HOLDER);
        fs::write(&name, format!("{}\n", std::process::id()))
            .map_err(|source| VaultError::Folder { path: name, source })?;
        Ok(Self {
            home: home.to_owned(),
            database,
        })
    }

    /// All rows of all tables, by key.
    ///
    /// # Errors
    /// If the database is damaged.
    pub fn tables(&self) -> Result<Tables, VaultError> {
        Table::ALL
            .into_iter()
            .map(|table| Ok((table, self.rows(table)?)))
            .collect()
    }

    fn rows(&self, table: Table) -> Result<Vec<Row>, VaultError> {
        self.read_rows(table).map_err(|error| VaultError::Database {
            path: self.home.join(DATABASE),
            reason: error.to_string(),
        })
    }

    fn read_rows(&self, table: Table) -> Result<Vec<Row>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let opened = match transaction.open_table(definition(table)) {
            Ok(opened) => opened,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut rows = Vec::new();
        for row in opened.iter()? {
            let (key, value) = row?;
            rows.push((key.value().to_vec(), Bytes::copy_from_slice(value.value())));
        }
        Ok(rows)
    }

    /// Writes rows in one transaction, for programs that change the home of a node that is stopped.
    ///
    /// # Errors
    /// If the disk does not take them; then none is written.
    pub fn commit(&self, records: &[Record]) -> Result<(), VaultError> {
        self.write_rows(records)
            .map_err(|error| VaultError::Database {
                path: self.home.join(DATABASE),
                reason: error.to_string(),
            })
    }

    fn carry_out(&self, order: DiskOrder) -> DiskAnswer {
        let done = match order {
            DiskOrder::Write(records) => self.write(&records).map(|()| DiskAnswer::Written),
            DiskOrder::Keep(file, bytes) => self.keep(&file, &bytes).map(|()| DiskAnswer::Written),
            DiskOrder::Read(file) => self.read(&file).map(DiskAnswer::Read),
            DiskOrder::Delete(file) => self.delete(&file).map(|()| DiskAnswer::Written),
        };
        done.unwrap_or_else(DiskAnswer::Failed)
    }

    fn write(&self, records: &[Record]) -> Result<(), DiskFault> {
        self.write_rows(records)
            .map_err(|error| DiskFault::Io(error.to_string()))
    }

    fn write_rows(&self, records: &[Record]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        for record in records {
            let mut opened = transaction.open_table(definition(record.table))?;
            match &record.value {
                Some(value) => opened.insert(record.key.as_slice(), value.as_ref())?,
                None => opened.remove(record.key.as_slice())?,
            };
        }
        transaction.commit()?;
        Ok(())
    }

    fn path(&self, file: &PictureFile) -> Result<PathBuf, DiskFault> {
        if file.is_safe() {
            Ok(self.home.join(folder_name(file.folder)).join(&file.name))
        } else {
            Err(DiskFault::Refused)
        }
    }

    /// Writes beside the place and moves the file there, so that a crash leaves the old or the new
    /// one, whole.
    fn keep(&self, file: &PictureFile, bytes: &[u8]) -> Result<(), DiskFault> {
        let path = self.path(file)?;
        let beside = path.with_extension("partial");
        let written = (|| {
            let mut partial = File::create(&beside)?;
            partial.write_all(bytes)?;
            partial.sync_all()?;
            fs::rename(&beside, &path)?;
            sync_folder(&path)
        })();
        written.map_err(|error: io::Error| {
            // The error that matters is the first one; a leftover is overwritten next time.
            let _ = fs::remove_file(&beside);
            DiskFault::Io(error.to_string())
        })
    }

    fn read(&self, file: &PictureFile) -> Result<Bytes, DiskFault> {
        let opened = File::open(self.path(file)?).map_err(fault)?;
        let mut bytes = Vec::new();
        opened
            .take(MESSAGE_MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(fault)?;
        if bytes.len() > MESSAGE_MAX_BYTES {
            return Err(DiskFault::Refused);
        }
        Ok(bytes.into())
    }

    fn delete(&self, file: &PictureFile) -> Result<(), DiskFault> {
        let path = self.path(file)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fault(error)),
            _ => sync_folder(&path).map_err(fault),
        }
    }
}

/// The database, also if the node that had it was killed a moment ago: the system gives a lock
/// back only when it has cleared the process away, which takes a while for a large one.
#[expect(
    clippy::disallowed_methods,
    reason = "the node is being started: no actor runs yet"
)]
fn opened(path: &Path) -> Result<Database, redb::DatabaseError> {
    for _ in 0..LET_GO_LOOKS {
        match Database::create(path) {
            Err(redb::DatabaseError::DatabaseAlreadyOpen) => thread::sleep(LET_GO / LET_GO_LOOKS),
            database => return database,
        }
    }
    Database::create(path)
}

/// Who wrote that they have the home open.
fn holder(home: &Path) -> Option<u32> {
    let text = fs::read_to_string(home.join(HOLDER)).ok()?;
    text.trim().parse().ok()
}

fn sync_folder(file: &Path) -> io::Result<()> {
    file.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn fault(error: io::Error) -> DiskFault {
    match error.kind() {
        io::ErrorKind::NotFound => DiskFault::Missing,
        _ => DiskFault::Io(error.to_string()),
    }
}

const fn folder_name(folder: Folder) -> &'static str {
    match folder {
        Folder::Originals => "originals",
        Folder::Hidden => "hidden",
        Folder::Received => "received",
    }
}

const fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(match table {
        Table::Letters => "letters",
        Table::LetGo => "let_go",
        Table::Names => "names",
        Table::Contacts => "contacts",
        Table::Outbox => "outbox",
        Table::Seen => "seen",
        Table::Offers => "offers",
        Table::Asks => "asks",
        Table::Rules => "rules",
        Table::Leases => "leases",
        Table::Log => "log",
        Table::Keyring => "keyring",
        Table::RaftLog => "raft_log",
        Table::RaftState => "raft_state",
        Table::LedgerSnapshot => "ledger_snapshot",
        Table::Shares => "shares",
    })
}

/// The actor: a vault and who is told its answers.
pub struct VaultActor<I: Send + 'static> {
    vault: Vault,
    answers: Recipient<In<I>>,
    wrap: fn(EdgeAnswer) -> I,
}

impl<I: Send + 'static> VaultActor<I> {
    /// An actor for an open vault.
    #[must_use]
    pub const fn new(vault: Vault, answers: Recipient<In<I>>, wrap: fn(EdgeAnswer) -> I) -> Self {
        Self {
            vault,
            answers,
            wrap,
        }
    }
}

/// Answered when everything that was ordered before is on disk.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Flush;

impl<I: Send + 'static> Handler<Flush> for VaultActor<I> {
    type Result = ();

    fn handle(&mut self, _: Flush, _: &mut Self::Context) {}
}

impl<I: Send + 'static> Actor for VaultActor<I> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1_024);
    }
}

impl<I: Send + 'static> Handler<In<DiskRequest>> for VaultActor<I> {
    type Result = ();

    fn handle(
        &mut self,
        In(DiskRequest { ticket, order }): In<DiskRequest>,
        _: &mut Self::Context,
    ) {
        let answer = self.vault.carry_out(order);
        if let DiskAnswer::Failed(fault) = &answer {
            tracing::warn!(desk = ?ticket.desk, ?fault, "disk");
        }
        super::shell::post(
            "switchboard",
            self.answers
                .try_send(In((self.wrap)(EdgeAnswer::Disk(ticket, answer)))),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> PictureFile {
        PictureFile {
            folder: Folder::Hidden,
            name: name.into(),
        }
    }

    fn record(key: &[u8], value: Option<&'static [u8]>) -> Record {
        Record {
            table: Table::Leases,
            key: key.to_vec(),
            value: value.map(Bytes::from_static),
        }
    }

    #[test]
    fn rows_survive_closing() {
        let home = tempfile::tempdir().expect("folder");
        let vault = Vault::open(home.path()).expect("opens");
        assert_eq!(vault.rows(Table::Leases).expect("reads"), vec![]);
        let order = DiskOrder::Write(vec![record(b"a", Some(b"1")), record(b"b", Some(b"2"))]);
        assert_eq!(vault.carry_out(order), DiskAnswer::Written);
        let order = DiskOrder::Write(vec![record(b"a", None), record(b"none", None)]);
        assert_eq!(vault.carry_out(order), DiskAnswer::Written);
        drop(vault);
        let vault = Vault::open(home.path()).expect("opens again");
        let rows = vault.rows(Table::Leases).expect("reads");
        assert_eq!(rows, vec![(b"b".to_vec(), Bytes::from_static(b"2"))]);
    }

    #[test]
    fn a_home_has_one_process() {
        let home = tempfile::tempdir().expect("folder");
        let vault = Vault::open(home.path()).expect("opens");
        let refused = || Vault::open(home.path()).err().expect("refuses");
        let own = std::process::id();
        assert!(matches!(refused(), VaultError::InUse { pid: Some(pid), .. } if pid == own));
        assert!(
            refused()
                .to_string()
                .starts_with(&format!("process {own} uses "))
        );
        fs::write(home.path().join(HOLDER), "nonsense").expect("writes");
        assert!(matches!(refused(), VaultError::InUse { pid: None, .. }));
        drop(vault);
        Vault::open(home.path()).expect("opens again");
    }

    #[test]
    fn files_are_kept_read_and_deleted_inside_their_folder_only() {
        let home = tempfile::tempdir().expect("folder");
        let vault = Vault::open(home.path()).expect("opens");
        let bytes = Bytes::from_static(b"picture");
        let keep = DiskOrder::Keep(file("a.png"), bytes.clone());
        assert_eq!(vault.carry_out(keep), DiskAnswer::Written);
        assert_eq!(
            vault.carry_out(DiskOrder::Read(file("a.png"))),
            DiskAnswer::Read(bytes)
        );
        assert_eq!(
            vault.carry_out(DiskOrder::Delete(file("a.png"))),
            DiskAnswer::Written
        );
        assert_eq!(
            vault.carry_out(DiskOrder::Read(file("a.png"))),
            DiskAnswer::Failed(DiskFault::Missing),
        );
        for name in ["../a.png", "", ".hidden", "a/b", "/etc/passwd"] {
            let read = vault.carry_out(DiskOrder::Read(file(name)));
            assert_eq!(read, DiskAnswer::Failed(DiskFault::Refused), "{name}");
        }
    }
}
