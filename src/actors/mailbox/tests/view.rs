//! What a model may see of a mailbox.

use crate::actors::mailbox::{Effect, Mailbox};
use crate::proto::ids::LetterId;

impl Mailbox {
    /// Everything that makes a difference: not the numbers of orders and of sendings.
    pub(crate) fn held(&self) -> String {
        let letters: Vec<LetterId> = self.shelf.letters().map(|letter| letter.id).collect();
        let gone: Vec<_> = self.shelf.let_go().collect();
        let waiting: Vec<_> = self.journal.waiting().collect();
        let Self {
            ghosts,
            catch_up,
            fetched,
            sweep_at,
            told,
            ..
        } = self;
        format!(
            "{letters:?} {gone:?} {waiting:?} {ghosts:?} {catch_up:?} {fetched:?} {sweep_at:?} \
             {told:?}"
        )
    }

    /// Letters that wait for the disk to be let go.
    pub(crate) fn letting_go(&self) -> impl Iterator<Item = LetterId> {
        let waiting = self.journal.waiting().filter_map(|effect| match effect {
            Effect::LetGo(news) => Some(news),
            _ => None,
        });
        waiting.flatten().map(|((id, _), _)| *id)
    }

    /// Whether it knows what most servers know.
    pub(crate) const fn has_caught_up(&self) -> bool {
        self.catch_up.is_done()
    }
}
