mod faults;
mod rules;
mod world;
