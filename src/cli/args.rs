//! The command line as clap sees it. Noun and verb; names are petnames (`@bob`), never addresses.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::person::Way;
use crate::chaos::command::ChaosVerb;
use crate::tui::pictures::Protocol;

/// Share an image with one person for a counted number of looks, hidden in an ordinary picture.
#[derive(Debug, Parser)]
#[command(name = "pentimento", version, max_term_width = 100)]
pub struct Arguments {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Verb,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Folder of your key, pictures and grants
    #[arg(long, global = true, env = "PENTIMENTO_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Never ask; what would need an answer fails
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Answer yes to every question
    #[arg(short = 'y', long, global = true)]
    pub yes: bool,
    /// Print only what was asked for
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Log more (twice: much more), to standard error
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Give up after so many seconds
    #[arg(long, global = true, default_value_t = 60, env = "PENTIMENTO_TIMEOUT")]
    pub timeout: u64,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show everything once: three servers, two people, one hidden picture, failures
    Demo {
        /// Leave the cluster running and keep all files
        #[arg(long)]
        keep: bool,
    },
    /// Start a local cluster of servers in the background, or what is down of one
    Up(UpArguments),
    /// Show how the local cluster and your own client are
    Status(ClusterDir),
    /// Stop the local cluster
    Stop(ClusterDir),
    /// Delete the files of a local cluster that does not run
    Purge(ClusterDir),
    /// Look after the servers of the local cluster
    #[command(subcommand)]
    Cluster(ClusterVerb),
    /// Play clusters in which things fail, from scenario files
    #[command(subcommand)]
    Chaos(ChaosVerb),
    /// Tell whether servers are ready: exit code 0 or 6, one line; for scripts and containers
    Health(HealthArguments),
    /// Make your key and your configuration
    Init {
        /// The name that others find you by
        name: String,
        /// File with the list of servers [default: that of the local cluster]
        #[arg(long, value_name = "FILE")]
        servers: Option<PathBuf>,
    },
    /// Keep your client running, so that others can reach you
    Run {
        /// Show your gallery in a browser besides
        #[arg(long)]
        web: bool,
    },
    /// Show your gallery in a browser, on this machine only
    Web(WebArguments),
    /// Run one node without a face, like the program pentimento-node
    #[command(hide = true)]
    Node(NodeArguments),
    /// Hide a file in a picture, for yourself
    Hide {
        /// The file: a picture, or any other
        file: PathBuf,
        /// Your own picture to hide it in [default: the smallest default cover that fits]
        #[arg(long, value_name = "FILE")]
        cover: Option<PathBuf>,
        /// Where the picture goes [default: FILE with the ending hidden.png]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Get a file out of a picture that you hid for yourself
    Reveal {
        /// The picture
        picture: PathBuf,
        /// Where the file goes [default: its own name, beside the picture]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Tell what can be told of a picture
    Inspect {
        /// The picture
        picture: PathBuf,
    },
    /// Show who you are: name, words to compare, code to give to others
    Id {
        /// Show the code as a picture to scan
        #[arg(long)]
        qr: bool,
    },
    /// People: list them, add them by code, compare words, refuse them
    Peers {
        /// What to do [default: ls]
        #[command(subcommand)]
        verb: Option<PeersVerb>,
    },
    /// Print what happens, a line each, until Ctrl-C
    Watch {
        /// Begin with what the client still remembers
        #[arg(long)]
        all: bool,
    },
    /// Letters on their way
    #[command(subcommand)]
    Mailbox(MailboxVerb),
    /// Offer a picture in your gallery
    Offer {
        /// The file
        file: PathBuf,
        /// Its name in the gallery [default: the file's]
        #[arg(long)]
        name: Option<String>,
        /// Leave place, serial numbers and the like in the file
        #[arg(long)]
        keep_metadata: bool,
    },
    /// Show your gallery, or that of a peer
    Ls {
        /// The peer, as @name
        peer: Option<String>,
    },
    /// Ask for looks at a picture: @peer/name or @peer/number
    Request {
        /// Which picture
        image: String,
        /// How many looks
        #[arg(long, default_value_t = 1)]
        views: u32,
        /// A remark for the owner
        #[arg(long, default_value = "")]
        note: String,
        /// Seconds to wait for the owner's word
        #[arg(long, default_value_t = 3)]
        wait: u32,
    },
    /// Questions for looks
    #[command(subcommand)]
    Requests(RequestsVerb),
    /// Share a picture with a person for a number of looks
    Share(ShareArguments),
    /// Look at a picture that was shared with you; counts one look
    View {
        /// The lease: first digits of its id, or @owner/name
        lease: String,
        /// How it is painted: auto, kitty, sixel, iterm, blocks, or window where that was built in
        #[arg(
            long,
            default_value = "auto",
            env = "PENTIMENTO_PROTOCOL",
            value_name = "WAY"
        )]
        protocol: Way,
    },
    /// Screens in the terminal: people, galleries, looks, leases, questions, servers
    Tui {
        /// How pictures are painted: auto, kitty, sixel, iterm or blocks
        #[arg(
            long,
            default_value = "auto",
            env = "PENTIMENTO_PROTOCOL",
            value_name = "WAY"
        )]
        protocol: Protocol,
        /// Where the local cluster keeps its files
        #[command(flatten)]
        cluster: ClusterDir,
    },
    /// Grants, given and received
    #[command(subcommand)]
    Lease(LeaseVerb),
    /// What happened to grants
    Ledger {
        /// One lease only
        #[arg(long)]
        lease: Option<String>,
    },
    /// How questions are treated without asking you
    #[command(subcommand)]
    Rules(RulesVerb),
    /// Fetch waiting letters and send what is due
    Sync,
}

/// Where the gallery is shown.
#[derive(Clone, Debug, Args)]
pub struct WebArguments {
    /// Open a browser even if there seems to be no display
    #[arg(long)]
    pub open: bool,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: std::net::SocketAddr,
    /// Let others reach it: what it shows is not encrypted on its way
    #[arg(long)]
    pub expose: bool,
}

/// What one node is told.
#[derive(Debug, Args)]
pub struct NodeArguments {
    /// What the node is
    #[arg(long, value_enum)]
    pub role: Role,
    /// Its configuration; commented examples are under config/
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Write a server's addresses and process id there, as JSON, when it listens
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Hides pictures, knows who is online, keeps letters
    Server,
    /// Answers for one person
    Client,
}

/// What kind of local cluster is wanted.
#[derive(Clone, Debug, Args)]
pub struct UpArguments {
    /// How many servers [default: as many as there were, else 3]
    #[arg(short = 'n', long, value_name = "N")]
    pub servers: Option<u8>,
    /// Take fresh free ports instead of the former ones
    #[arg(long)]
    pub any_port: bool,
    /// Stay in the foreground, keep nothing; Ctrl-C ends it
    #[arg(long, conflicts_with = "dir")]
    pub ephemeral: bool,
    /// Where the cluster keeps its files
    #[command(flatten)]
    pub cluster: ClusterDir,
}

/// Where a local cluster keeps its files.
#[derive(Clone, Debug, Args)]
pub struct ClusterDir {
    /// Folder of the cluster
    #[arg(long = "cluster", value_name = "DIR", env = "PENTIMENTO_CLUSTER")]
    pub dir: Option<PathBuf>,
}

/// Which servers are to be healthy, and how much.
#[derive(Clone, Debug, Args)]
pub struct HealthArguments {
    /// Only that the process answers
    #[arg(long, conflicts_with = "ready")]
    pub live: bool,
    /// Ready for requests; this is the default
    #[arg(long)]
    pub ready: bool,
    /// Only this server of the local cluster [default: all]
    #[arg(long, value_name = "N")]
    pub node: Option<u8>,
    /// The admin port to ask, instead of the local cluster
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "PENTIMENTO_ADMIN",
        conflicts_with = "node"
    )]
    pub address: Option<String>,
    /// Where the cluster keeps its files
    #[command(flatten)]
    pub cluster: ClusterDir,
}

/// Commands for the operator of a local cluster.
#[derive(Debug, Subcommand)]
pub enum ClusterVerb {
    /// Show every server: state, load, requests, letters, token, and who is next
    Status(ClusterDir),
    /// Tell which server would take the next request, and why
    Leader(ClusterDir),
    /// End one server in order: it takes nothing new, hands over what waits and finishes what runs
    Drain {
        /// The server's number
        server: u8,
        /// Where the cluster keeps its files
        #[command(flatten)]
        cluster: ClusterDir,
    },
    /// Switch the round of planned failures on or off, or pass the token on to the next server
    Token {
        /// on, off or pass
        #[arg(value_parser = ["on", "off", "pass"])]
        state: String,
        /// Servers fall silent without a goodbye
        #[arg(long)]
        silent: bool,
        /// Where the cluster keeps its files
        #[command(flatten)]
        cluster: ClusterDir,
    },
    /// Let one server fail now for a while, if the others permit it
    Fail {
        /// The server's number
        server: u8,
        /// For so many seconds, 1 to 20
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
        seconds: u32,
        /// Without a goodbye
        #[arg(long)]
        silent: bool,
        /// Where the cluster keeps its files
        #[command(flatten)]
        cluster: ClusterDir,
    },
}

/// What is shared, with whom, and on which conditions.
#[derive(Debug, Args)]
pub struct ShareArguments {
    /// The file, or the name of a picture you offer
    pub image: String,
    /// The person, as @name
    #[arg(long)]
    pub to: String,
    /// How many looks
    #[arg(long, default_value_t = 1)]
    pub views: u32,
    /// No look from then on: 7d, 12h, 30m, 2026-12-24 or 2026-12-24T18:00 (UTC)
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// A look closes by itself after so long, 1s to 60m
    #[arg(long, value_name = "TIME")]
    pub show_for: Option<String>,
    /// What becomes of the file when no look is left
    #[arg(long, value_enum, default_value_t = AtEnd::Carrier)]
    pub at_end: AtEnd,
    /// Your own picture to hide it in
    #[arg(long, value_name = "FILE")]
    pub cover: Option<PathBuf>,
    /// Leave place, serial numbers and the like in the file
    #[arg(long)]
    pub keep_metadata: bool,
}

/// What becomes of the borrower's file when no look is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum AtEnd {
    /// The outer picture stays
    Carrier,
    /// The file is deleted
    Delete,
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
