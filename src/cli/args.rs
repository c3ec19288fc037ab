//! The command line as clap sees it. Noun and verb; names are petnames (`@bob`), never addresses.

mod grants;
mod hiding;
mod node;
mod passphrase;
mod sharing;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::grants::{LeaseVerb, MailboxVerb, PeersVerb, RequestsVerb, RulesVerb};
pub use self::hiding::{AtEnd, HidingMode};
pub use self::node::{KeygenArguments, NodeArguments, NodeVerb, Role, StateVerb};
pub use self::passphrase::{KeyVerb, PassphraseArguments, VARIABLE};
pub use self::sharing::{Counter, ShareArguments};
use super::bench::BenchVerb;
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

/// The heading above the options that every command takes.
const EVERY: &str = "Options of every command";

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Folder of your key, pictures and grants
    #[arg(long, global = true, env = "PENTIMENTO_HOME", value_name = "DIR", help_heading = EVERY)]
    pub home: Option<PathBuf>,
    /// Another home of yours, by name: homes/NAME below the default one
    #[arg(
        long,
        global = true,
        env = "PENTIMENTO_PROFILE",
        value_name = "NAME",
        help_heading = EVERY
    )]
    pub profile: Option<String>,
    /// A configuration file whose values win over those of the home's own
    #[arg(
        long,
        global = true,
        env = "PENTIMENTO_CONFIG",
        value_name = "FILE",
        help_heading = EVERY
    )]
    pub config: Option<PathBuf>,
    /// One value of the configuration, over all files and variables; can be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", help_heading = EVERY)]
    pub set: Vec<String>,
    /// Colours: where a terminal is, always, or never
    #[arg(
        long,
        global = true,
        env = "PENTIMENTO_COLOR",
        value_name = "WHEN",
        default_value = "auto",
        help_heading = EVERY
    )]
    pub color: clap::ColorChoice,
    /// Print one JSON object instead of text
    #[arg(long, global = true, help_heading = EVERY)]
    pub json: bool,
    /// Never ask; what would need an answer fails
    #[arg(long, global = true, help_heading = EVERY)]
    pub no_input: bool,
    /// Answer yes to every question
    #[arg(short = 'y', long, global = true, help_heading = EVERY)]
    pub yes: bool,
    /// Print only what was asked for
    #[arg(short, long, global = true, help_heading = EVERY)]
    pub quiet: bool,
    /// Log more (twice: much more), to standard error
    #[arg(short, long, global = true, help_heading = EVERY, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Give up after so many seconds
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 60,
        env = "PENTIMENTO_TIMEOUT",
        help_heading = EVERY
    )]
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
    /// Hide files in pictures, for yourself; or under a passphrase, without client and servers
    #[command(after_help = "\
Examples:
  pentimento hide photo.jpg                 makes photo.hidden.png
  pentimento hide *.jpg                     one picture for each
  pentimento hide --from-list files.txt     one path a line, # begins a remark
  pentimento hide photo.jpg --passphrase    asks for it; needs no key, client or server")]
    Hide {
        /// The files: pictures, or any others
        #[arg(value_name = "FILE", required_unless_present = "from_list")]
        files: Vec<PathBuf>,
        /// A text file with one path a line; relative ones begin at its folder
        #[arg(long, value_name = "LIST", conflicts_with = "files")]
        from_list: Option<PathBuf>,
        /// Your own picture to hide it in [default: the smallest default cover that fits]
        #[arg(long, value_name = "FILE")]
        cover: Option<PathBuf>,
        /// How it is hidden
        #[arg(long, value_enum, default_value_t)]
        mode: HidingMode,
        /// Where the picture goes, for one file [default: FILE with the ending hidden.png]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The secret that takes the place of your key
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Get a file out of a picture that you hid for yourself, or that a passphrase opens
    Reveal {
        /// The picture
        picture: PathBuf,
        /// Where the file goes [default: its own name, beside the picture]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The secret that takes the place of your key
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Tell what can be told of a picture
    Inspect {
        /// The picture
        picture: PathBuf,
    },
    /// Name the grant whose mark an image shows, see share --mark
    Trace {
        /// The image that was found
        copy: PathBuf,
    },
    /// Put your key file under a passphrase, or take it away
    #[command(subcommand)]
    Key(KeyVerb),
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
    Ledger(LedgerArguments),
    /// How questions are treated without asking you
    #[command(subcommand)]
    Rules(RulesVerb),
    /// Fetch waiting letters and send what is due
    Sync,
    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Look for what is wrong here: home, key, configuration, client, servers, terminal
    Doctor,
    /// Measure how fast this machine does the work
    #[command(subcommand)]
    Bench(BenchVerb),
    /// Print completions for a shell
    #[command(after_help = "\
Example:
  pentimento completions bash > ~/.local/share/bash-completion/completions/pentimento")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write a manual page for each command
    Man {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Tell the version
    Version,
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

/// Which events are told, and how.
#[derive(Debug, Args)]
pub struct LedgerArguments {
    /// One lease only
    #[arg(long)]
    pub lease: Option<String>,
    /// Only what happened in the last while, as 30m, 12h or 1d
    #[arg(long, value_name = "SPAN")]
    pub since: Option<String>,
    /// One JSON object a line, without a frame around them
    #[arg(long, value_name = "FORM")]
    pub export: Option<ExportForm>,
}

/// Forms for other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportForm {
    /// A JSON object a line
    Jsonl,
}

/// The configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Show every value that counts
    Show {
        /// Tell where each value comes from
        #[arg(long)]
        origins: bool,
        /// Whose configuration
        #[arg(long, value_enum, default_value_t = Role::Client)]
        role: Role,
    },
    /// Check a file, or without one everything that counts
    Check {
        /// The file
        file: Option<PathBuf>,
        /// Whose configuration [default: as the keys of the file tell]
        #[arg(long, value_enum)]
        role: Option<Role>,
    },
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
