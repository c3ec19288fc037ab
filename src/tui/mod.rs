//! The terminal interface: what is on the screens, how events change it, and how it is drawn.
//!
//! `model` holds everything that the screens know, `update` changes it and says what to do next,
//! `view` draws it. None of the three reads a clock, a file or the network: events come in,
//! orders go out. A look is counted only after the picture was painted; notices never take the
//! focus and never change a text that is being typed. `run` is the program around them.

pub mod event;
pub mod look;
mod model;
pub mod pictures;
pub mod run;
mod screen;
mod sources;
mod theme;
mod update;
mod view;
