//! Pentimento: share an image with one person for a counted number of looks, hidden in an ordinary
//! picture.
//!
//! The modules in the order in which they build on each other:

pub mod time;

pub mod planted;

pub mod proto;

pub mod crypto;

pub mod ledger;

pub mod transport;

pub mod stego;

pub mod actors;

pub mod net;

pub mod node;

pub mod sim;

pub mod terminal;

pub mod paper;

pub mod talk;

pub mod chaos;

#[cfg(feature = "window")]
pub mod window;

pub mod tui;

pub mod web;

pub mod cli;

#[cfg(test)]
mod models;
