//! The disk edge: one database and three picture folders below the home of a node.
//!
//! Runs on a thread of its own, because it waits for the disk. An answer means that the effect
//! survives a crash. Decides nothing.
//!
//! A database that the disk had no room for does nothing more until it is opened anew, so that is
//! done for the next order: what was committed is there, what failed is not, as after a crash.
//! After any other fault of the disk it stays as it is until the node is started anew: then nobody
//! knows what of the file is right, and who looks after the server has to see it.

use std::cell::RefCell;
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
    /// None after a full disk, until it is opened anew.
    database: RefCell<Option<Database>>,
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
            database: RefCell::new(Some(database)),
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
        self.with_database(|database| rows_of(database, table))
    }

    /// Does something with the database, and closes it if the disk has no room.
    fn with_database<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        let mut place = self.database.borrow_mut();
        let database = match place.take() {
            Some(database) => database,
            None => Database::create(self.home.join(DATABASE))?,
        };
        let done = work(&database);
        if !matches!(&done, Err(error) if is_full(error)) {
            *place = Some(database);
        }
        done
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
        self.with_database(|database| write_rows(database, records))
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

fn rows_of(database: &Database, table: Table) -> Result<Vec<Row>, redb::Error> {
    let transaction = database.begin_read()?;
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

fn write_rows(database: &Database, records: &[Record]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
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

fn is_full(error: &redb::Error) -> bool {
    let redb::Error::Io(error) = error else {
        return false;
    };
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
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
        Table::Disk => "disk",
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
    use std::process::Command;

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
    fn a_disk_that_was_full_takes_orders_again_and_has_what_it_had() {
        let home = tempfile::tempdir().expect("folder");
        let disk = home.path().join("disk");
        fs::create_dir(&disk).expect("makes");
        // Only an administrator may mount.
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "pentimento-test"])
            .arg(&disk)
            .output();
        if !mounted.is_ok_and(|mounted| mounted.status.success()) {
            eprintln!("skipped: nothing can be mounted here");
            return;
        }
        let vault = Vault::open(&disk).expect("opens");
        let wrote = |key: &[u8]| {
            let value = Some(Bytes::from(vec![key[0]; 200_000]));
            let (table, key) = (Table::Leases, key.to_vec());
            vault.carry_out(DiskOrder::Write(vec![Record { table, key, value }]))
        };
        assert_eq!(wrote(b"a"), DiskAnswer::Written);
        let filler = disk.join("filler");
        let filled = fs::write(&filler, vec![0; 32 << 20]).map_err(|error| error.kind());
        assert_eq!(filled, Err(io::ErrorKind::StorageFull));
        let mut taken = b"bcdefghijklmnopqrstuvwxyz".iter();
        let refused = taken.find(|key| wrote(&[**key]) != DiskAnswer::Written);
        let refused = *refused.expect("there is not that much room");
        assert!(matches!(wrote(&[refused]), DiskAnswer::Failed(_)));
        fs::remove_file(filler).expect("makes room");
        assert_eq!(wrote(&[refused]), DiskAnswer::Written);
        let keys = |vault: &Vault| -> Vec<u8> {
            let rows = vault.rows(Table::Leases).expect("reads");
            rows.iter().map(|(key, _)| key[0]).collect()
        };
        let all: Vec<u8> = (b'a'..=refused).collect();
        assert_eq!(keys(&vault), all);
        drop(vault);
        let vault = Vault::open(&disk).expect("opens again");
        assert_eq!(keys(&vault), all);
        drop(vault);
        let unmounted = Command::new("umount").arg("--lazy").arg(&disk).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
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
