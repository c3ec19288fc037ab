mod dates;
mod faults;
mod rules;
mod world;
