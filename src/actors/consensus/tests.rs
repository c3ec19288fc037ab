mod conversion;
mod damage;
mod looks;
mod moving;
pub(crate) mod planted;
mod seeds;
pub(super) mod toy;
mod working;
pub(super) mod world;
