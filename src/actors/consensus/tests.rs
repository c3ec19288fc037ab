mod conversion;
mod damage;
mod looks;
mod seeds;
mod toy;
mod working;
mod world;
