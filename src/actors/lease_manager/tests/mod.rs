mod dates;
mod faults;
mod news;
mod rules;
mod world;
