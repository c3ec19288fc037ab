//! One line of text that is being typed, with a cursor.

use crate::proto::ids::{AskId, GrantId};

/// Longest text in characters; a pairing code and a long path both fit.
pub(crate) const TEXT_MAX_CHARS: usize = 1_024;

/// What the text will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// Our name.
    Name,
    /// The file with the list of servers.
    Servers,
    /// Part of a name, applied while it is typed.
    Filter,
    /// A command.
    Command,
    /// The code of a peer.
    Code,
    /// How many looks to ask for.
    Looks { peer: String, image: String },
    /// How many looks to grant.
    Approve(AskId),
    /// Why not.
    Deny(AskId),
    /// How many looks there are in all.
    Set(GrantId),
    /// When a grant ends.
    Until(GrantId),
    /// A picture to hide, or a text file that lists some.
    Encrypt,
    /// A picture to offer.
    Offer,
    /// Whom to share one of our pictures with, and for how many looks.
    ShareOwn(String),
    /// A picture file to share with a peer, and for how many looks.
    ShareFile(String),
}

impl Asking {
    /// What stands before the text.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Name => "your name".into(),
            Self::Servers => "file with the list of servers".into(),
            Self::Filter => "/".into(),
            Self::Command => ":".into(),
            Self::Code => "code of the peer".into(),
            Self::Looks { peer, image } => format!("looks at {image} to ask @{peer} for"),
            Self::Approve(_) => "looks to grant".into(),
            Self::Deny(_) => "deny, because (may be empty)".into(),
            Self::Set(_) => "looks in all".into(),
            Self::Until(_) => "until (2h, 6d, 2026-12-31, or none)".into(),
            Self::Encrypt => "picture, or .txt list of pictures".into(),
            Self::Offer => "picture to offer".into(),
            Self::ShareOwn(image) => format!("share {image} with: @PEER LOOKS"),
            Self::ShareFile(peer) => format!("share with @{peer}: FILE LOOKS"),
        }
    }
}

/// A text that is being typed.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
    pub(crate) asking: Asking,
    text: Vec<char>,
    cursor: usize,
    /// What is wrong with the text as it was entered last.
    pub(crate) wrong: Option<String>,
}

impl Prompt {
    pub(crate) const fn new(asking: Asking) -> Self {
        Self {
            asking,
            text: Vec::new(),
            cursor: 0,
            wrong: None,
        }
    }

    pub(crate) fn with(asking: Asking, text: &str) -> Self {
        let mut prompt = Self::new(asking);
        prompt.insert(text);
        prompt
    }

    pub(crate) fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// What stands before the cursor, and from it on.
    pub(crate) fn parts(&self) -> (String, String) {
        let (before, after) = self.text.split_at(self.cursor);
        (before.iter().collect(), after.iter().collect())
    }

    /// Inserts at the cursor what is no control character, as far as there is room.
    pub(crate) fn insert(&mut self, text: &str) {
        self.wrong = None;
        for c in text.chars().filter(|c| !c.is_control()) {
            if self.text.len() < TEXT_MAX_CHARS {
                self.text.insert(self.cursor, c);
                self.cursor += 1;
            }
        }
    }

    pub(crate) fn rub_out(&mut self) {
        self.wrong = None;
        if self.cursor > 0 {
            self.cursor -= 1;
            self.text.remove(self.cursor);
        }
    }

    pub(crate) fn delete(&mut self) {
        self.wrong = None;
        if self.cursor < self.text.len() {
            self.text.remove(self.cursor);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.wrong = None;
        self.text.clear();
        self.cursor = 0;
    }

    pub(crate) fn left(&mut self) {
        self.cursor = self.cursor.saturating_sub(1);
    }

    pub(crate) fn right(&mut self) {
        self.cursor = (self.cursor + 1).min(self.text.len());
    }

    pub(crate) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(crate) fn end(&mut self) {
        self.cursor = self.text.len();
    }
}
