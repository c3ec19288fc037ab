//! Moves the ledger of a server that is stopped: to a file, from files, out of the way.

use serde_json::json;

use super::args::StateVerb;
use super::failure::{self, Ended};
use super::output::Output;
use crate::node::config::ServerConfig;
use crate::node::ledger_files::{self, LedgerError, Moved};
use crate::proto::control::{Failure, Reason};

/// Does what is wanted.
///
/// # Errors
/// If the configuration is wrong, the server runs, or its ledger may not be moved so.
pub fn run(output: Output, verb: &StateVerb) -> Ended {
    match verb {
        StateVerb::Export { given, file } => {
            let config: ServerConfig = given.read()?;
            let moved = ledger_files::export(&config, file).map_err(|error| failed(&error))?;
            tell(output, "exported", &moved);
            output.remark("this server does not start with this ledger again; import it");
        }
        StateVerb::Import { given, files } => {
            let config: ServerConfig = given.read()?;
            let moved = ledger_files::import(&config, files).map_err(|error| failed(&error))?;
            tell(output, "imported", &moved);
            output.remark("import the same files on every other server, and compare the digest");
        }
        StateVerb::SetAside { given } => {
            let config: ServerConfig = given.read()?;
            let aside = ledger_files::set_aside(&config).map_err(|error| failed(&error))?;
            let file = aside.file.display().to_string();
            output.line(
                format!("put into {file}; it was quarantined: {}", aside.why),
                json!({ "file": file, "why": aside.why.to_string() }),
            );
            output.remark("start it while all other servers are up: it asks every one of them");
        }
    }
    Ok(0)
}

fn tell(output: Output, done: &str, moved: &Moved) {
    let Moved {
        seq,
        grants,
        size_bytes,
        digest,
    } = moved;
    let digest = data_encoding::HEXLOWER.encode(&digest.0);
    output.line(
        format!("{done}: {grants} grants after entry {seq}, {size_bytes} bytes\ndigest {digest}"),
        json!({ "seq": seq, "grants": grants, "size_bytes": size_bytes, "digest": digest }),
    );
}

fn failed(error: &LedgerError) -> Failure {
    let message = error.to_string();
    match error {
        LedgerError::Vault(_) => Failure::new(
            Reason::Config,
            message,
            "the server must not run; `pentimento-node` has no other process on this folder",
        ),
        LedgerError::File { path, source } => failure::file(path, source),
        LedgerError::Strange { .. } => Failure::new(
            Reason::Usage,
            message,
            "give files that `state export` wrote",
        ),
        LedgerError::Move(_) => Failure::new(
            Reason::Config,
            message,
            "docs/operate.md, \"Moving the ledger\", has the steps",
        ),
        LedgerError::Etcd(_) => failure::unreachable(
            message,
            "start a majority of etcd's members, or choose another `ledger.prefix`",
        ),
        LedgerError::Doubtful(_) => Failure::new(
            Reason::Integrity,
            message,
            "docs/operate.md, \"A server whose ledger is damaged\", has the ways out",
        ),
    }
}
