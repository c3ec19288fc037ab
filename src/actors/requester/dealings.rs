//! What a wish has to do with one server.

use crate::time::Moment;

/// What happened between us and one server.
#[derive(Debug, Default)]
pub(super) struct Dealings {
    pub(super) elected_at: Option<Moment>,
    pub(super) uploaded_at: Option<Moment>,
    pub(super) first_piece_at: Option<Moment>,
    pub(super) sending: bool,
    /// How often the server has had the body and lost it.
    pub(super) attempt: u32,
}

impl Dealings {
    /// The server has no body, or has it no more.
    pub(super) fn has_no_body(&mut self) {
        if self.uploaded_at.take().is_some() {
            self.attempt = self.attempt.wrapping_add(1);
        }
    }
}
