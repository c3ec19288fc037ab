//! How a person's program talks with their client node: where the home is, who starts the node,
//! how wishes go in and reports come out. Decides nothing about what is wished.

pub mod failures;
pub mod files;
pub mod home;
pub mod line;
pub mod newcomer;
pub mod session;
pub mod unlock;
