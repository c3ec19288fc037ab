mod conversion;
mod damage;
mod looks;
pub(crate) mod planted;
mod seeds;
mod toy;
mod working;
mod world;
