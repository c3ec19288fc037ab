//! The concerns of the system, one a file. Every rule that decides anything is here, and nothing
//! here touches the world: time, randomness and I/O are arguments. No concern knows another; the
//! wiring of a role (`node::server`, `node::client`) carries one's output to the other's input.

pub mod edges;
pub mod looks;
pub mod machine;
mod replica;

// On a server.
pub mod consensus;
pub mod custody;
pub mod directory;
pub mod drain;
pub mod election;
pub mod failure_token;
pub mod mailbox;
pub mod membership;
pub mod stego_worker;

// On a client.
pub mod clerk;
pub mod courier;
pub mod lease_manager;
pub mod presence;
pub mod requester;
pub mod sharing;
pub mod studio;
