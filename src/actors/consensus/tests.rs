mod conversion;
mod damage;
mod seeds;
mod toy;
mod working;
mod world;
