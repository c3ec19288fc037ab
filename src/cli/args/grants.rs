//! Commands for people, letters, questions, grants and rules.

use clap::Subcommand;

/// Questions for looks.
#[derive(Debug, Subcommand)]
pub enum RequestsVerb {
    /// List open and answered questions
    Ls,
    /// Grant looks
    Approve {
        /// First digits of the question's id
        id: String,
        /// Grant so many instead of what was asked
        #[arg(long)]
        views: Option<u32>,
    },
    /// Take a question of yours back
    Withdraw {
        /// First digits of the question's id
        id: String,
    },
    /// Grant none
    Deny {
        /// First digits of the question's id
        id: String,
        /// What to tell
        #[arg(long, default_value = "the owner said no")]
        reason: String,
    },
}

/// Grants.
#[derive(Debug, Subcommand)]
pub enum LeaseVerb {
    /// List all grants
    Ls,
    /// Show one grant
    Show {
        /// First digits of its id, or @peer/name
        lease: String,
    },
    /// Grant more looks
    Add {
        /// First digits of its id, or @peer/name
        lease: String,
        /// How many
        views: u32,
    },
    /// Grant fewer looks
    Sub {
        /// First digits of its id, or @peer/name
        lease: String,
        /// How many
        views: u32,
    },
    /// Grant so many looks in all
    Set {
        /// First digits of its id, or @peer/name
        lease: String,
        /// How many
        views: u32,
    },
    /// Give one look back, for one that was cut short
    Refund {
        /// First digits of its id, or @peer/name
        lease: String,
    },
    /// Move the end date, or take it away
    Until {
        /// First digits of its id, or @peer/name
        lease: String,
        /// 7d, 12h, 30m, 2026-12-24, 2026-12-24T18:00 (UTC), or never
        when: String,
    },
    /// Take looks to this device, for use without the servers
    Take {
        /// First digits of its id, or @peer/name
        lease: String,
        /// How many; as many as the owner lets, if not said
        #[arg(long)]
        looks: Option<u32>,
        /// Good until then, a week at most: 7d, 12h, 30m, 2026-12-24 or 2026-12-24T18:00 (UTC)
        #[arg(long, value_name = "WHEN")]
        until: Option<String>,
    },
    /// Tell the servers of the looks on this device, and give the rest back
    Return {
        /// First digits of its id, or @peer/name
        lease: String,
    },
    /// Take all looks back
    Revoke {
        /// First digits of its id, or @peer/name; with --all a peer, as @name, or nobody
        #[arg(required_unless_present = "all")]
        lease: Option<String>,
        /// Of everything you gave, or all you gave that peer
        #[arg(long)]
        all: bool,
    },
}

/// Rules.
#[derive(Debug, Subcommand)]
pub enum RulesVerb {
    /// List the rules
    Ls,
    /// Set the rule for a peer, or for everybody (@*)
    Set {
        /// The peer, as @name, or @*
        peer: String,
        /// Grant up to so many looks a picture without asking
        #[arg(long, conflicts_with = "refuse")]
        grant: Option<u32>,
        /// Refuse every question
        #[arg(long)]
        refuse: bool,
        /// Show no previews
        #[arg(long)]
        no_previews: bool,
    },
    /// Take the rule for a peer back
    Clear {
        /// The peer, as @name, or @*
        peer: String,
    },
}

/// People.
#[derive(Debug, Subcommand)]
pub enum PeersVerb {
    /// List the people you know or can find
    Ls,
    /// Remember the person of a code as verified
    Add {
        /// Their code, as `pentimento id` shows it to them [default: asked for]
        code: Vec<String>,
    },
    /// Mark a person as verified after comparing words
    Verify {
        /// The person, as @name
        peer: String,
    },
    /// Take that back
    Unverify {
        /// The person, as @name
        peer: String,
    },
    /// Refuse letters to and from a person
    Block {
        /// The person, as @name
        peer: String,
    },
    /// Take that back
    Unblock {
        /// The person, as @name
        peer: String,
    },
}

/// Letters on their way.
#[derive(Debug, Subcommand)]
pub enum MailboxVerb {
    /// Count letters that are not delivered or with the servers yet
    Ls,
    /// Fetch waiting letters and send what is due, like `sync`
    Flush,
}
