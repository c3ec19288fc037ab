//! What a single node is told, and what is done about one that does not run.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::node::Given;

/// What one node is told.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct NodeArguments {
    /// Something else than to run it
    #[command(subcommand)]
    pub verb: Option<NodeVerb>,
    /// What the node is
    #[arg(long, value_enum, required = true)]
    pub role: Option<Role>,
    /// Write a server's addresses and process id there, as JSON, when it listens
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// What is done about a node that does not run.
#[derive(Debug, Subcommand)]
pub enum NodeVerb {
    /// Make the key of a server if it has none, and print its public half
    #[command(after_help = "\
Examples:
  pentimento-node keygen --data /var/lib/pentimento-node/1    prints the key for the lists
  pentimento-node keygen server-?.toml client.toml            fills the keys in")]
    Keygen(KeygenArguments),
    /// Move the ledger of strict grants of a server that is stopped
    #[command(subcommand)]
    State(StateVerb),
}

/// What is done with the ledger of a server that is stopped.
#[derive(Debug, Subcommand)]
pub enum StateVerb {
    /// Write it to a file; it does not go on in the store where it was
    Export {
        /// Of which server.
        #[command(flatten)]
        given: Given,
        /// The file, which must not be there
        file: PathBuf,
    },
    /// Go on with an exported one in the store that is configured
    #[command(after_help = "\
From the servers' own store the files of a majority of the servers are needed, from etcd the one
file. Every server of the cluster imports the same files; compare the digests that they print.")]
    Import {
        /// By which server.
        #[command(flatten)]
        given: Given,
        /// What `export` wrote
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Put a quarantined ledger out of the way, so that the server learns it anew from the others
    SetAside {
        /// Of which server.
        #[command(flatten)]
        given: Given,
    },
}

/// Whose keys are made.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct KeygenArguments {
    /// The data folder of a server; its public key is printed
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Configuration files: every server among them gets a key in its data folder, and their
    /// public keys are filled into the lists of all these files
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Hides pictures, knows who is online, keeps letters
    Server,
    /// Answers for one person
    Client,
}
