//! Servers whose log lies in a model of etcd.

mod model;
mod moving;
mod runs;
mod world;
