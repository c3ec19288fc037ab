//! Whole clusters of real processes, as people and operators meet them, and the rules of the tree.
//!
//! Each file is one scenario. Every test has servers, ports and folders of its own; it waits for
//! what it expects and never measures how long that took.

mod bad_input;
mod bad_pictures;
mod chaos;
mod cheating;
mod clocks;
mod command_line;
mod dates;
mod decoders;
mod documents;
mod etcd;
mod format;
mod garbage;
mod histories;
mod hostile;
mod kill_elected;
mod memory;
mod operate;
mod passes;
mod people;
mod reach;
mod restart_all;
mod schema;
mod secrets;
mod stage;
mod strict;
mod tidy;
mod tui;
mod web;
