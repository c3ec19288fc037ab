//! Everything that the screens know.

pub(crate) mod errand;
pub(crate) mod gallery;
pub(crate) mod look;
pub(crate) mod prompt;
pub(crate) mod transfer;
pub(crate) mod tray;

use std::collections::{BTreeMap, VecDeque};

use super::event::{Order, Tag};
use crate::proto::control::{ClientStatus, Command, Failure, Lease, OpenAsk, Peer};
use crate::proto::ids::GrantId;
use crate::proto::operator::ServerStatus;
use crate::time::WallTime;
use errand::Errand;
use gallery::Gallery;
use look::Look;
use prompt::{Asking, Prompt};
use transfer::Transfer;
use tray::Entry;

/// Fewest columns and rows on which the screens are drawn.
pub(crate) const SIZE_MIN: (u16, u16) = (60, 16);
/// Notices kept in the tray; older ones go.
pub(crate) const TRAY_MAX: usize = 200;
/// Time between two looks at the lists when nothing happens.
pub(crate) const REFRESH_MS: u64 = 5_000;

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Peers,
    Gallery,
    View,
    Shared,
    Requests,
    Cluster,
}

impl Tab {
    pub(crate) const ALL: [Self; 6] = [
        Self::Peers,
        Self::Gallery,
        Self::View,
        Self::Shared,
        Self::Requests,
        Self::Cluster,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Peers => "Peers",
            Self::Gallery => "Gallery",
            Self::View => "View",
            Self::Shared => "Shared",
            Self::Requests => "Requests",
            Self::Cluster => "Cluster",
        }
    }
}

/// What covers the screen and takes the keys.
#[derive(Clone, Debug)]
pub(crate) enum Overlay {
    /// All keys.
    Help,
    /// What one can do, by number.
    Menu,
    /// A look is about to be spent.
    Spend(GrantId),
    /// A grant is about to be taken back for good.
    Revoke(GrantId),
    /// The program is about to end while a transfer runs.
    Quit,
    /// Our own words and code, for others.
    Mine,
    /// What happened to a grant; none while it is fetched.
    Log(String, Option<Vec<String>>),
}

/// The way from nothing to a home.
#[derive(Clone, Debug)]
pub(crate) enum First {
    /// The name is typed.
    Name,
    /// The list of servers is typed, because none was found for this name.
    Servers(String),
    /// Key and configuration are being made for this name.
    Making(String),
    /// The words and the code are shown.
    Words,
    /// Whether to offer samples.
    Samples,
}

/// The last thing that the person should know.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// It went well.
    Good(String),
    /// It did not, with the way out.
    Bad(Failure),
}

/// Everything that the screens know.
#[derive(Debug)]
pub(super) struct Model {
    pub(crate) size: (u16, u16),
    pub(crate) colour: bool,
    pub(crate) now: WallTime,
    pub(crate) connected: bool,
    pub(crate) first: Option<First>,
    pub(crate) tab: Tab,
    /// The chosen row of each screen, among the rows that the filter leaves.
    pub(crate) chosen: [usize; 6],
    pub(crate) filter: String,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) overlay: Option<Overlay>,
    pub(crate) transfer: Option<Transfer>,
    pub(crate) look: Option<Look>,
    pub(crate) message: Option<Message>,
    pub(crate) status: Option<ClientStatus>,
    pub(crate) peers: Option<Vec<Peer>>,
    pub(crate) gallery: Gallery,
    pub(crate) leases: Option<Vec<Lease>>,
    pub(crate) asks: Option<Vec<OpenAsk>>,
    pub(crate) cluster: Vec<(u8, Option<ServerStatus>)>,
    pub(crate) tray: VecDeque<Entry>,
    /// Notices that came since the requests were last on the screen.
    pub(crate) unread: usize,
    /// Number of the last notice.
    pub(crate) noticed: u64,
    pub(crate) errands: BTreeMap<Tag, Errand>,
    pub(crate) next_tag: Tag,
    pub(crate) refreshed_at: WallTime,
}

impl Model {
    /// The screens at the start, and the first orders.
    #[must_use]
    pub(super) fn new(
        has_home: bool,
        colour: bool,
        size: (u16, u16),
        now: WallTime,
    ) -> (Self, Vec<Order>) {
        let mut model = Self {
            size,
            colour,
            now,
            connected: has_home,
            first: None,
            tab: Tab::Peers,
            chosen: [0; 6],
            filter: String::new(),
            prompt: None,
            overlay: None,
            transfer: None,
            look: None,
            message: None,
            status: None,
            peers: None,
            gallery: Gallery::default(),
            leases: None,
            asks: None,
            cluster: Vec::new(),
            tray: VecDeque::new(),
            unread: 0,
            noticed: 0,
            errands: BTreeMap::new(),
            next_tag: 1,
            refreshed_at: now,
        };
        if has_home {
            let orders = model.first_wishes();
            return (model, orders);
        }
        model.first = Some(First::Name);
        model.prompt = Some(Prompt::new(Asking::Name));
        (model, Vec::new())
    }

    /// What is asked when the conversation opens.
    pub(crate) fn first_wishes(&mut self) -> Vec<Order> {
        let after = self.noticed;
        let mut orders = vec![self.wish(Errand::Watch, Command::Watch(Some(after)))];
        orders.extend(self.refresh());
        orders
    }

    /// Asks for everything that the screens list, unless that is being asked already.
    pub(crate) fn refresh(&mut self) -> Vec<Order> {
        self.refreshed_at = self.now;
        let mut orders = Vec::new();
        for errand in [
            Errand::Status,
            Errand::Peers,
            Errand::Leases,
            Errand::Requests,
        ] {
            orders.extend(self.ask(errand));
        }
        if self.tab == Tab::Gallery && self.first.is_none() && self.gallery.failed.is_none() {
            orders.extend(self.ask_gallery());
        }
        orders
    }

    /// Asks for one list, unless that is being asked already.
    pub(crate) fn ask(&mut self, errand: Errand) -> Option<Order> {
        let command = match &errand {
            Errand::Status => Command::Status,
            Errand::Peers => Command::Peers,
            Errand::Leases => Command::Leases,
            Errand::Requests => Command::Requests,
            Errand::Gallery(of) => Command::Gallery(of.clone()),
            _ => return None,
        };
        if self.errands.values().any(|open| *open == errand) {
            return None;
        }
        Some(self.wish(errand, command))
    }

    /// Asks for the gallery that is on the screen.
    pub(crate) fn ask_gallery(&mut self) -> Option<Order> {
        let of = self.gallery.of.clone();
        self.ask(Errand::Gallery(of))
    }

    /// A wish, remembered with what it is for.
    pub(crate) fn wish(&mut self, errand: Errand, command: Command) -> Order {
        let tag = self.tag(errand);
        Order::Wish(tag, command)
    }

    /// A fresh tag for this errand.
    pub(crate) fn tag(&mut self, errand: Errand) -> Tag {
        let tag = self.next_tag;
        self.next_tag += 1;
        self.errands.insert(tag, errand);
        tag
    }

    pub(crate) fn good(&mut self, text: impl Into<String>) {
        self.message = Some(Message::Good(text.into()));
    }

    pub(crate) fn bad(&mut self, failure: Failure) {
        self.message = Some(Message::Bad(failure));
    }

    /// The number of the chosen row on the present screen.
    pub(crate) fn row(&self) -> usize {
        let last = self.rows().saturating_sub(1);
        self.chosen[self.tab as usize].min(last)
    }

    /// How many rows the present screen lists.
    pub(crate) fn rows(&self) -> usize {
        match self.tab {
            Tab::Peers => self.peers_listed().len(),
            Tab::Gallery => self.tiles().len(),
            Tab::View => self.received().len(),
            Tab::Shared => self.given().len(),
            Tab::Requests => self.asks_listed().len(),
            Tab::Cluster => self.cluster.len(),
        }
    }

    /// Whether a text passes the filter.
    pub(crate) fn passes(&self, texts: &[&str]) -> bool {
        let wanted = self.filter.to_lowercase();
        texts
            .iter()
            .any(|text| text.to_lowercase().contains(&wanted))
    }

    /// The peers, those online first.
    pub(crate) fn peers_listed(&self) -> Vec<&Peer> {
        let mut peers: Vec<&Peer> = self
            .peers
            .iter()
            .flatten()
            .filter(|peer| self.passes(&[&peer.name]))
            .collect();
        peers.sort_by_key(|peer| (!peer.online, peer.name.clone()));
        peers
    }

    /// What others granted to us, what can be looked at first.
    pub(crate) fn received(&self) -> Vec<&Lease> {
        self.leases_of(false)
    }

    /// What we granted.
    pub(crate) fn given(&self) -> Vec<&Lease> {
        self.leases_of(true)
    }

    fn leases_of(&self, ours: bool) -> Vec<&Lease> {
        let mut leases: Vec<&Lease> = self
            .leases
            .iter()
            .flatten()
            .filter(|lease| lease.ours == ours && self.passes(&[&lease.name, &lease.peer]))
            .collect();
        leases.sort_by_key(|lease| (lease.left() == 0, core::cmp::Reverse(lease.granted_at)));
        leases
    }

    /// The questions: those that wait for our word, then ours, then what is answered.
    pub(crate) fn asks_listed(&self) -> Vec<&OpenAsk> {
        use crate::proto::control::AskState;
        let mut asks: Vec<&OpenAsk> = self
            .asks
            .iter()
            .flatten()
            .filter(|ask| self.passes(&[&ask.image, &ask.peer]))
            .collect();
        asks.sort_by_key(|ask| (ask.ours, ask.state != AskState::Open, ask.at));
        asks
    }

    /// Questions that wait for our word.
    pub(crate) fn asks_waiting(&self) -> usize {
        use crate::proto::control::AskState;
        let waiting = |ask: &&OpenAsk| !ask.ours && ask.state == AskState::Open;
        self.asks.iter().flatten().filter(waiting).count()
    }

    /// A grant by its name.
    pub(crate) fn lease(&self, grant: GrantId) -> Option<&Lease> {
        let mut leases = self.leases.iter().flatten();
        leases.find(|lease| lease.grant == grant)
    }
}
