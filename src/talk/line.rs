//! A conversation with many wishes at a time: one thread reads, and each report goes to whoever
//! made the wish. For programs that stay, such as the terminal's screens and the web gallery.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::node::control::Link;
use crate::proto::control::{Command, Failure, News, Outcome, Reason, Report, Wish};
use crate::proto::ids::WishId;

/// Hears of a wish: any number of steps or notices, then one end. Called on the reading thread, so
/// it must not wait. It says whether it still listens.
pub type Listener = Box<dyn FnMut(News) -> bool + Send>;

/// An open conversation. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub struct Line {
    shared: Arc<Shared>,
}

struct Shared {
    sender: Mutex<Sender>,
    open: Mutex<Option<BTreeMap<WishId, Listener>>>,
    closer: Link,
}

struct Sender {
    link: Link,
    last: u64,
}

impl Drop for Line {
    fn drop(&mut self) {
        // The reading thread holds the other one.
        if Arc::strong_count(&self.shared) <= 2 {
            self.shared.closer.close();
        }
    }
}

impl Line {
    /// Connects to the node that runs in `home`.
    ///
    /// # Errors
    /// If none runs there, or the operating system has no thread to give.
    pub fn connect(home: &Path) -> io::Result<Self> {
        let link = Link::connect(home)?;
        let (reader, closer) = (link.try_clone()?, link.try_clone()?);
        let shared = Arc::new(Shared {
            sender: Mutex::new(Sender { link, last: 0 }),
            open: Mutex::new(Some(BTreeMap::new())),
            closer,
        });
        let hearing = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("reports".into())
            .spawn(move || hearing.hear(reader))?;
        Ok(Self { shared })
    }

    /// Whether the node was still there when it was last heard of.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.lock_open().is_some()
    }

    /// Sends a command. Every listener hears one end: if the node goes away, that it did.
    pub fn wish(&self, command: Command, mut listener: Listener) -> WishId {
        let mut sender = self.shared.lock_sender();
        sender.last += 1;
        let id = WishId(sender.last);
        match &mut *self.shared.lock_open() {
            Some(open) => {
                open.insert(id, listener);
            }
            None => {
                listener(News::Failed(gone()));
                return id;
            }
        }
        let sent = sender.link.send(&Wish { id, command });
        // A listener may make another wish.
        drop(sender);
        if let Err(error) = sent {
            let failure = match error.kind() {
                io::ErrorKind::InvalidInput => Failure::new(
                    Reason::TooLarge,
                    format!("the file is {error}"),
                    "files up to 60 MB can be sent",
                ),
                _ => gone(),
            };
            self.shared.tell(id, News::Failed(failure));
        }
        id
    }

    /// Sends a command whose end alone matters.
    pub fn ask(
        &self,
        command: Command,
        end: impl FnOnce(Result<Outcome, Failure>) + Send + 'static,
    ) -> WishId {
        let mut end = Some(end);
        self.wish(
            command,
            Box::new(move |news| {
                let result = match news {
                    News::Progress(_) | News::Noticed(_) => return true,
                    News::Done(outcome) => Ok(*outcome),
                    News::Failed(failure) => Err(failure),
                };
                if let Some(end) = end.take() {
                    end(result);
                }
                false
            }),
        )
    }
}

impl Shared {
    fn lock_sender(&self) -> std::sync::MutexGuard<'_, Sender> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_open(&self) -> std::sync::MutexGuard<'_, Option<BTreeMap<WishId, Listener>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, mut link: Link) {
        while let Ok(Report { wish, news }) = link.receive() {
            self.tell(wish, news);
        }
        let open = self.lock_open().take();
        for (_, mut listener) in open.into_iter().flatten() {
            listener(News::Failed(gone()));
        }
    }

    /// Tells one listener. It is outside the map while it hears, so it may make another wish.
    fn tell(&self, wish: WishId, news: News) {
        let is_end = matches!(news, News::Done(_) | News::Failed(_));
        let found = self
            .lock_open()
            .as_mut()
            .and_then(|open| open.remove(&wish));
        let Some(mut listener) = found else { return };
        if listener(news)
            && !is_end
            && let Some(open) = &mut *self.lock_open()
        {
            open.insert(wish, listener);
        }
    }
}

fn gone() -> Failure {
    super::failures::unreachable(
        "the client is gone",
        "see its log, start it again with `pentimento run`",
    )
}
