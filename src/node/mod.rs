//! The only folder that knows everyone: it puts the concerns of a role together, connects them to
//! the edges, and starts and stops the whole.

pub mod concerns;
pub mod shell;
pub mod switchboard;

pub mod client;
pub mod server;

pub mod admin;
pub mod alone;
pub mod board;
pub mod clock;
pub mod config;
pub mod control;
pub mod cover_painter;
pub mod cover_shelf;
pub mod cpu_pool;
pub mod crew;
pub mod desk;
pub mod disk_name;
pub mod faces;
pub mod http_desk;
pub mod launch;
pub mod ledger_files;
pub mod line;
pub mod load_probe;
pub mod machines;
pub mod metrics;
pub mod notices;
pub mod orders;
pub mod requests;
pub mod server_key;
pub mod sockets;
pub mod supervisor;
pub mod tally;
pub mod vault;
pub mod workshop;
