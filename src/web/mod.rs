//! The web gallery of one person: pages on loopback, over the person's own client node.
//!
//! Decides how looks and grants appear in a browser and who may ask for a page. Never decides
//! whether a look is allowed or counted: that is the node's. Invariants: no GET counts a look; a
//! look is claimed by a POST with a nonce of its own; the original leaves this program at most
//! once for each claimed look, and is forgotten then; whoever has no session sees no private byte.

pub mod serve;

mod assets;
mod desk;
mod events;
mod guard;
mod looks;
mod model;
mod multipart;
mod nonces;
mod pages;
mod refusals;
mod routes;
mod shelf;
mod state;
mod thumbs;
