mod dates;
mod delivering;
mod faults;
mod news;
mod rules;
mod servers;
mod strict;
mod world;
