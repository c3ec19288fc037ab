mod dates;
mod delivering;
mod faults;
mod news;
pub(crate) mod planted;
mod rules;
mod servers;
mod strict;
mod world;
