//! The pages as typed templates: values in, markup out. They ask nobody and decide nothing.

pub(super) mod gallery;
pub(super) mod layout;
pub(super) mod lease;
pub(super) mod owner;
pub(super) mod people;
