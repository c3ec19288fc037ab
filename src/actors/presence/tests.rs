mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::actors::edges::{Desk, DiskFault};
use crate::crypto::identity::verify_errand;
use crate::proto::control::{Peer, Reason};
use crate::proto::limits::ERRAND_ACKS;
use crate::proto::packet::{DirectoryEntry, Errand, Lookup, LookupKind, NameAnswer};
use crate::time::WallTime;

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);
const STRANGER: NodeId = NodeId(9);
const TICKET: Ticket = Ticket {
    desk: Desk::Sharing,
    number: 1,
};
const WISH: WishId = WishId(1);

fn keys(number: u8) -> SecretIdentity {
    SecretIdentity::from_secret([number; 32])
}

fn user(number: u8) -> UserId {
    keys(number).user_id()
}

fn contact(name: &str, number: u8) -> Contact {
    Contact {
        name: name.to_owned(),
        identity: *keys(number).public(),
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

fn entry(name: &str, number: u8, address: Option<SocketAddr>) -> DirectoryEntry {
    DirectoryEntry {
        name: name.to_owned(),
        identity: *keys(number).public(),
        address,
        last_seen: WallTime(1_000_000),
    }
}

/// Drives a presence by hand; time is in milliseconds.
struct Bench {
    machine: Presence,
    now_ms: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with_rows(Vec::new())
    }

    fn with_rows(rows: Vec<Row>) -> Self {
        let calendar = Calendar {
            started_at: WallTime(1_000_000),
        };
        let mut config = Config::lan(keys(1), "alice".to_owned(), vec![N1, N2, N3], calendar);
        config.contacts_max = 10;
        Self {
            machine: Presence::new(config, [5; 32], rows),
            now_ms: 0,
        }
    }

    fn give(&mut self, input: Input) -> Vec<Output> {
        let mut out = Outbox::new();
        self.machine
            .handle(Moment::from_millis(self.now_ms), input, &mut out);
        out.take()
    }

    /// Moves time on, with a call at each deadline on the way.
    fn wait(&mut self, ms: u64) -> Vec<Output> {
        let end = Moment::from_millis(self.now_ms + ms);
        let mut out = Outbox::new();
        while let Some(due) = self.machine.deadline().filter(|due| *due <= end) {
            let due = due.max(Moment::from_millis(self.now_ms));
            self.machine.on_deadline(due, &mut out);
            assert!(
                self.machine.deadline().is_none_or(|next| next > due),
                "the deadline moves on"
            );
        }
        self.now_ms += ms;
        out.take()
    }

    fn find(&mut self, name: &str) -> Vec<Output> {
        self.give(Input::Find {
            ticket: TICKET,
            name: name.to_owned(),
        })
    }

    fn locate(&mut self, user: UserId) -> Vec<Output> {
        self.give(Input::Locate {
            ticket: TICKET,
            user,
        })
    }

    fn answer(
        &mut self,
        from: NodeId,
        nonce: u64,
        entries: Vec<DirectoryEntry>,
        more: bool,
    ) -> Vec<Output> {
        let answer = LookupAnswer {
            nonce,
            entries,
            more,
        };
        self.give(Input::LookupAnswered { from, answer })
    }

    fn here_answered(&mut self, from: NodeId, sequence: u64, name: NameAnswer) {
        let answer = HereAnswer { sequence, name };
        assert_eq!(self.give(Input::HereAnswered { from, answer }), []);
    }

    fn mail_waiting(&mut self, from: NodeId, letters: u32) -> Vec<Output> {
        self.give(Input::MailWaiting { from, letters })
    }

    /// Has the servers tell who holds a name.
    fn learn(&mut self, name: &str, number: u8, at: Option<SocketAddr>) -> Vec<Output> {
        let nonce = lookups(&self.find(name))[0].1.nonce;
        self.answer(N1, nonce, vec![entry(name, number, at)], false)
    }

    fn peers(&mut self) -> (Vec<Peer>, bool) {
        let mut orders = self.give(Input::PeersWanted(WISH));
        orders.extend(self.wait(10_000));
        peers(&orders).expect("a list")
    }

    fn status(&mut self) -> ClientStatus {
        let orders = self.give(Input::StatusWanted(WISH));
        match outcome(&orders) {
            Some(Outcome::Status(status)) => status,
            other => panic!("no status but {other:?}"),
        }
    }
}

fn errands(orders: &[Output]) -> Vec<(NodeId, Errand)> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Send {
                to: Party::Server(node),
                packet: Packet::Errand(errand),
            } => {
                assert!(verify_errand(errand));
                Some((*node, errand.clone()))
            }
            _ => None,
        })
        .collect()
}

fn kinds(orders: &[Output]) -> Vec<(NodeId, ErrandKind)> {
    errands(orders)
        .into_iter()
        .map(|(node, errand)| (node, errand.kind))
        .collect()
}

fn to_all(kind: &ErrandKind) -> Vec<(NodeId, ErrandKind)> {
    [N1, N2, N3].map(|node| (node, kind.clone())).to_vec()
}

/// Errands but those about presence.
fn busy_kinds(orders: &[Output]) -> Vec<(NodeId, ErrandKind)> {
    let mut kinds = kinds(orders);
    kinds.retain(|(_, kind)| !matches!(kind, ErrandKind::Here { .. }));
    kinds
}

fn lookups(orders: &[Output]) -> Vec<(NodeId, Lookup)> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Send {
                to: Party::Server(node),
                packet: Packet::Lookup(lookup),
            } => Some((*node, lookup.clone())),
            _ => None,
        })
        .collect()
}

fn found(orders: &[Output]) -> Vec<Result<Contact, Reason>> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Found { ticket, who } => {
                assert_eq!(*ticket, TICKET);
                Some(who.clone().map_err(|failure| failure.reason))
            }
            _ => None,
        })
        .collect()
}

/// Where the transport was told that users are.
fn ways(orders: &[Output]) -> Vec<(UserId, SocketAddr)> {
    let of = |order: &Output| match order {
        Output::Reach(way) => Some((way.user, way.addresses[0])),
        _ => None,
    };
    orders.iter().filter_map(of).collect()
}

/// Whether users were said to be online; what is said is preceded by the way.
fn located(orders: &[Output]) -> Vec<Option<SocketAddr>> {
    let ways = ways(orders);
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Located { user, online, .. } => {
                let way = ways.iter().find(|(of, _)| of == user);
                assert!(!online || way.is_some(), "online, but where?");
                Some(way.filter(|_| *online).map(|(_, at)| *at))
            }
            _ => None,
        })
        .collect()
}

fn outcome(orders: &[Output]) -> Option<Outcome> {
    orders.iter().find_map(|order| match order {
        Output::Report(Report {
            wish: WISH,
            news: News::Done(outcome),
        }) => Some((**outcome).clone()),
        _ => None,
    })
}

fn peers(orders: &[Output]) -> Option<(Vec<Peer>, bool)> {
    match outcome(orders) {
        Some(Outcome::Peers { peers, fresh }) => Some((peers, fresh)),
        _ => None,
    }
}

/// Rows that were ordered written, with the orders' numbers.
fn written(orders: &[Output]) -> Vec<(Ticket, Vec<Row>)> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Disk {
                ticket,
                order: DiskOrder::Write(records),
            } => Some((
                *ticket,
                records
                    .iter()
                    .map(|r| (r.key.clone(), r.value.clone().expect("never deletes")))
                    .collect(),
            )),
            _ => None,
        })
        .collect()
}

#[test]
fn presence_is_told_to_all_servers_at_once_and_again_and_again_with_rising_numbers() {
    let mut bench = Bench::new();
    assert_eq!(bench.machine.deadline(), Some(Moment::START));
    let here = ErrandKind::Here {
        name: "alice".to_owned(),
        ttl_ms: 7_000,
    };
    let orders = bench.wait(0);
    assert_eq!(kinds(&orders), to_all(&here));
    assert_eq!(bench.wait(1_999), []);
    let orders = [orders, bench.wait(4_000)].concat();
    let numbers: Vec<u64> = errands(&orders).iter().map(|(_, e)| e.sequence).collect();
    assert_eq!(numbers, [1, 1, 1, 2, 2, 2, 3, 3, 3]);
    assert!(
        errands(&orders)
            .iter()
            .all(|(_, e)| e.epoch == WallTime(1_000_000))
    );
}

#[test]
fn leaving_is_told_twice_and_ends_the_signs_of_presence() {
    let mut bench = Bench::new();
    bench.wait(0);
    let orders = bench.give(Input::Leave);
    let leave = to_all(&ErrandKind::Leave);
    assert_eq!(kinds(&orders), [leave.clone(), leave].concat());
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn the_status_tells_who_answers_and_whether_the_name_is_taken() {
    let mut bench = Bench::new();
    bench.wait(0);
    let status = bench.status();
    assert_eq!(status.user, user(1));
    assert_eq!((status.servers, status.name_taken), (3, false));
    assert_eq!(status.servers_answering, []);
    bench.here_answered(N2, 1, NameAnswer::Taken);
    bench.here_answered(STRANGER, 1, NameAnswer::Yours);
    bench.give(Input::Queue(4));
    let status = bench.status();
    assert_eq!(status.servers_answering, [N2]);
    assert_eq!((status.letters_queued, status.name_taken), (4, true));
    bench.wait(5_000);
    assert_eq!(bench.status().servers_answering, []);
    bench.here_answered(N2, 2, NameAnswer::Yours);
    assert!(!bench.status().name_taken);
    bench.here_answered(N2, 1, NameAnswer::Taken);
    bench.here_answered(N2, 99, NameAnswer::Taken);
    assert!(!bench.status().name_taken, "late or made-up answers");
}

#[test]
fn the_first_answer_with_an_entry_finds_a_user() {
    let mut bench = Bench::new();
    let asked = lookups(&bench.find("bob"));
    let nonce = asked[0].1.nonce;
    let wanted = LookupKind::Name("bob".to_owned());
    let lookup = Lookup { nonce, wanted };
    assert_eq!(asked, [N1, N2, N3].map(|node| (node, lookup.clone())));
    assert_eq!(bench.find("bob"), [], "the same order is one question");
    assert_eq!(bench.answer(N1, nonce, vec![], false), []);
    assert_eq!(bench.answer(N2, nonce ^ 1, vec![], false), []);
    let other = vec![entry("bobby", 3, None)];
    assert_eq!(bench.answer(STRANGER, nonce, other.clone(), false), []);
    assert_eq!(bench.answer(N1, nonce, other, false), []);
    let orders = bench.answer(N3, nonce, vec![entry("bob", 2, None)], false);
    assert_eq!(found(&orders), [Ok(contact("bob", 2))]);
    assert_eq!(
        bench.answer(N2, nonce, vec![entry("bob", 2, None)], false),
        []
    );
}

#[test]
fn a_lookup_is_repeated_to_the_servers_that_did_not_answer() {
    let mut bench = Bench::new();
    bench.wait(0);
    let nonce = lookups(&bench.find("bob"))[0].1.nonce;
    bench.answer(N1, nonce, vec![], false);
    let again = lookups(&bench.wait(200));
    assert_eq!(again.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [N2, N3]);
    assert!(again.iter().all(|(_, lookup)| lookup.nonce == nonce));
}

#[test]
fn nobody_known_and_nobody_answering_are_told_apart() {
    let mut bench = Bench::new();
    bench.find("bob");
    assert_eq!(found(&bench.wait(599)), []);
    assert_eq!(found(&bench.wait(1)), [Err(Reason::Unreachable)]);
    let nonce = lookups(&bench.find("bob"))[0].1.nonce;
    bench.answer(N1, nonce, vec![], false);
    bench.answer(N2, nonce, vec![], false);
    let orders = bench.answer(N3, nonce, vec![], false);
    assert_eq!(found(&orders), [Err(Reason::NotFound)], "all have answered");
    let nonce = lookups(&bench.find("bob"))[0].1.nonce;
    bench.answer(N1, nonce, vec![], false);
    assert_eq!(found(&bench.wait(600)), [Err(Reason::NotFound)]);
}

#[test]
fn servers_that_have_been_silent_for_long_are_not_waited_for() {
    let mut bench = Bench::new();
    bench.wait(5_000);
    let nonce = lookups(&bench.find("bob"))[0].1.nonce;
    let orders = bench.answer(N1, nonce, vec![], false);
    assert_eq!(found(&orders), [Err(Reason::NotFound)]);
}

#[test]
fn names_that_cannot_be_and_the_own_name_are_refused_at_once() {
    let mut bench = Bench::new();
    let long = "x".repeat(NAME_MAX_BYTES + 1);
    for name in ["", "a\u{1b}[2J", long.as_str()] {
        assert_eq!(found(&bench.find(name)), [Err(Reason::NotFound)]);
    }
    assert_eq!(found(&bench.find("alice")), [Err(Reason::Usage)]);
    assert_eq!(lookups(&bench.find(&"x".repeat(NAME_MAX_BYTES))).len(), 3);
}

#[test]
fn a_known_peer_is_found_when_no_server_answers_also_after_a_restart() {
    let mut bench = Bench::new();
    let orders = bench.learn("bob", 2, Some(address(7)));
    let rows = written(&orders)[0].1.clone();
    let mut bench = Bench::with_rows(rows);
    bench.find("bob");
    assert_eq!(found(&bench.wait(600)), [Ok(contact("bob", 2))]);
    bench.locate(user(2));
    assert_eq!(located(&bench.wait(600)), [Some(address(7))]);
}

#[test]
fn another_key_under_a_known_name_is_a_conflict_and_never_a_change() {
    let mut bench = Bench::new();
    bench.learn("bob", 2, None);
    assert_eq!(
        found(&bench.learn("bob", 3, None)),
        [Err(Reason::NameTaken)]
    );
    let (list, _) = bench.peers();
    assert_eq!((list[0].user, list[0].conflict), (user(2), true));
    let orders = bench.learn("bob", 2, None);
    assert_eq!(found(&orders), [Ok(contact("bob", 2))]);
    let (list, _) = bench.peers();
    assert!(list[0].conflict, "it stays marked");
}

#[test]
fn a_conflict_survives_a_restart() {
    let mut bench = Bench::new();
    bench.learn("bob", 2, None);
    let rows = written(&bench.learn("bob", 3, None))[0].1.clone();
    let (list, _) = Bench::with_rows(rows).peers();
    assert_eq!((list[0].user, list[0].conflict), (user(2), true));
}

#[test]
fn a_writer_is_remembered_by_the_first_name_only() {
    let mut bench = Bench::new();
    let orders = bench.give(Input::Met(contact("bob", 2)));
    assert_eq!(written(&orders).len(), 1);
    bench.give(Input::Met(contact("robert", 2)));
    bench.give(Input::Met(contact("bob", 3)));
    bench.give(Input::Met(contact("bad\nname", 4)));
    bench.give(Input::Met(contact("alice2", 1)));
    let (list, fresh) = bench.peers();
    assert!(!fresh);
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].name.as_str(), list[0].user), ("bob", user(2)));
    assert!(list[0].conflict);
}

#[test]
fn a_peer_is_written_once_it_is_confirmed_and_again_when_it_was_not() {
    let mut bench = Bench::new();
    let first = written(&bench.learn("bob", 2, None));
    let lost = written(&bench.learn("bob", 2, None));
    assert_eq!(first[0].1, lost[0].1, "no answer: written again");
    let fault = DiskAnswer::Failed(DiskFault::Io("full".to_owned()));
    bench.give(Input::Disk {
        ticket: lost[0].0,
        answer: fault,
    });
    let again = written(&bench.learn("bob", 2, None));
    assert_eq!(again.len(), 1);
    bench.give(Input::Disk {
        ticket: again[0].0,
        answer: DiskAnswer::Written,
    });
    assert_eq!(written(&bench.learn("bob", 2, None)), []);
    let moved = written(&bench.learn("bob", 2, Some(address(1))));
    assert_eq!(moved.len(), 1, "a new address is news");
}

#[test]
fn the_registry_is_bounded_and_passes_over_damaged_rows() {
    let mut bench = Bench::new();
    let mut rows = Vec::new();
    for number in 2..13 {
        let orders = bench.learn(&format!("user{number:02}"), number, None);
        assert_eq!(
            found(&orders).len(),
            1,
            "found, whether or not there is room"
        );
        rows.extend(written(&orders).into_iter().flat_map(|(_, rows)| rows));
    }
    assert_eq!(rows.len(), 10, "one more than there is room for");
    let (list, _) = bench.peers();
    assert_eq!(list.len(), 10);
    rows.insert(0, (b"user03".to_vec(), rows[0].1.clone()));
    rows.insert(0, (b"other".to_vec(), Bytes::from_static(b"no row")));
    let (again, _) = Bench::with_rows(rows.clone()).peers();
    assert_eq!(again, list);
    rows.extend(written(&Bench::new().learn("zoe", 99, None))[0].1.clone());
    let (again, _) = Bench::with_rows(rows).peers();
    assert_eq!(again, list, "rows over the limit");
}

#[test]
fn a_user_is_where_a_server_says() {
    let mut bench = Bench::new();
    let asked = lookups(&bench.locate(user(2)));
    assert_eq!(asked[0].1.wanted, LookupKind::User(user(2)));
    let nonce = asked[0].1.nonce;
    bench.answer(N1, nonce, vec![entry("bob", 3, Some(address(9)))], false);
    bench.answer(N2, nonce, vec![entry("bob2", 2, None)], false);
    let online = vec![entry("bob2", 2, Some(address(8)))];
    let orders = bench.answer(N3, nonce, online, false);
    assert_eq!(located(&orders), [Some(address(8))]);
}

#[test]
fn the_last_address_counts_only_when_no_server_answered_at_all() {
    let mut bench = Bench::new();
    bench.learn("bob", 2, Some(address(8)));
    let nonce = lookups(&bench.locate(user(2)))[0].1.nonce;
    bench.answer(N1, nonce, vec![entry("bob", 2, None)], false);
    assert_eq!(located(&bench.wait(600)), [None]);
    bench.locate(user(2));
    assert_eq!(located(&bench.wait(600)), [Some(address(8))]);
    bench.locate(user(7));
    assert_eq!(located(&bench.wait(600)), [None]);
}

#[test]
fn questions_over_the_limit_are_answered_at_once() {
    let mut bench = Bench::new();
    for number in 0..256 {
        let ticket = Ticket {
            desk: Desk::Courier,
            number,
        };
        let user = user(2);
        let orders = bench.give(Input::Locate { ticket, user });
        assert_eq!(located(&orders), []);
    }
    assert_eq!(located(&bench.locate(user(2))), [None]);
    assert_eq!(found(&bench.find("bob")), [Err(Reason::Busy)]);
    assert_eq!(located(&bench.wait(600)).len(), 256);
}

#[test]
fn the_list_of_peers_is_read_page_by_page_and_merged_with_the_registry() {
    let mut bench = Bench::new();
    bench.learn("zoe", 5, Some(address(5)));
    let asked = lookups(&bench.give(Input::PeersWanted(WISH)));
    assert_eq!(asked.len(), 1, "one server after another");
    let (server, lookup) = asked[0].clone();
    assert_eq!(server, N1, "the one that answered last");
    assert_eq!(lookup.wanted, LookupKind::After(String::new()));
    let page = vec![entry("alice", 1, Some(address(1))), entry("bob", 2, None)];
    let asked = lookups(&bench.answer(N1, lookup.nonce, page, true));
    assert_eq!(asked[0].1.wanted, LookupKind::After("bob".to_owned()));
    let page = vec![entry("carol", 3, Some(address(3)))];
    let orders = bench.answer(N1, asked[0].1.nonce, page, false);
    let (list, fresh) = peers(&orders).expect("a list");
    assert!(fresh);
    let list: Vec<_> = list.iter().map(|p| (p.name.as_str(), p.online)).collect();
    assert_eq!(list, [("bob", false), ("carol", true), ("zoe", false)]);
}

#[test]
fn a_silent_server_is_asked_twice_and_then_the_next_one() {
    let mut bench = Bench::new();
    let mut orders = bench.give(Input::PeersWanted(WISH));
    orders.extend(bench.give(Input::PeersWanted(WishId(2))));
    orders.extend(bench.wait(600));
    let asked = lookups(&orders);
    let servers: Vec<NodeId> = asked.iter().map(|(server, _)| *server).collect();
    assert_eq!(servers, [N1, N1, N2]);
    let late = bench.answer(N1, asked[2].1.nonce, vec![entry("bob", 2, None)], false);
    assert_eq!(late, [], "another server's number");
    let orders = bench.answer(N2, asked[2].1.nonce, vec![], false);
    assert_eq!(orders.len(), 2, "both persons are answered");
    assert_eq!(peers(&orders), Some((vec![], true)));
}

#[test]
fn without_a_server_the_list_is_what_is_remembered() {
    let mut bench = Bench::new();
    bench.learn("bob", 2, Some(address(5)));
    let (list, fresh) = bench.peers();
    assert!(!fresh);
    assert_eq!(list.len(), 1);
    assert!(list[0].online, "as far as anybody knows");
    assert_eq!(list[0].last_seen, WallTime(1_000_000));
    bench.give(Input::Missing(user(2)));
    assert!(!bench.peers().0[0].online);
}

#[test]
fn a_list_that_does_not_move_on_ends() {
    let mut bench = Bench::new();
    let nonce = lookups(&bench.give(Input::PeersWanted(WISH)))[0].1.nonce;
    let asked = lookups(&bench.answer(N1, nonce, vec![entry("bob", 2, None)], true));
    let orders = bench.answer(N1, asked[0].1.nonce, vec![entry("bob", 2, None)], true);
    assert!(peers(&orders).is_some());
}

#[test]
fn waiting_mail_is_fetched_from_one_server_at_a_time() {
    let mut bench = Bench::new();
    bench.wait(0);
    let orders = bench.mail_waiting(N2, 3);
    assert_eq!(kinds(&orders), [(N2, ErrandKind::FetchMail)]);
    assert_eq!(bench.mail_waiting(N1, 3), []);
    assert_eq!(bench.mail_waiting(N3, 3), []);
    assert_eq!(bench.mail_waiting(STRANGER, 3), []);
    assert_eq!(bench.wait(999), []);
    assert_eq!(kinds(&bench.wait(1)), [(N1, ErrandKind::FetchMail)]);
    bench.mail_waiting(N3, 0);
    assert_eq!(busy_kinds(&bench.wait(5_000)), []);
}

#[test]
fn letters_that_took_effect_are_acknowledged_to_all_three_times() {
    let mut bench = Bench::new();
    bench.wait(0);
    bench.mail_waiting(N1, 17);
    bench.mail_waiting(N2, 17);
    let letters: Vec<LetterId> = (0..=ERRAND_ACKS)
        .map(|number| LetterId([u8::try_from(number).expect("small"); 16]))
        .collect();
    let (first, rest) = letters.split_at(ERRAND_ACKS);
    let round = [
        to_all(&ErrandKind::AckMail(first.to_vec())),
        to_all(&ErrandKind::AckMail(rest.to_vec())),
    ]
    .concat();
    let orders = bench.give(Input::AckMail(letters));
    assert_eq!(kinds(&orders), round);
    assert_eq!(busy_kinds(&bench.wait(700)), round);
    assert_eq!(busy_kinds(&bench.wait(700)), round);
    assert_eq!(busy_kinds(&bench.wait(9_000)), [], "nor fetched again");
    assert_eq!(bench.give(Input::AckMail(vec![])), []);
}

#[test]
fn acknowledgements_that_wait_are_bounded() {
    let mut bench = Bench::new();
    bench.wait(0);
    for _ in 0..70 {
        bench.give(Input::AckMail(vec![LetterId([1; 16])]));
    }
    assert_eq!(busy_kinds(&bench.wait(700)).len(), 64 * 3);
}

#[test]
fn a_missing_user_is_told_to_all() {
    let mut bench = Bench::new();
    let orders = bench.give(Input::Missing(user(2)));
    assert_eq!(kinds(&orders), to_all(&ErrandKind::Missing(user(2))));
}

#[test]
fn a_ping_is_answered_to_its_sender() {
    let mut bench = Bench::new();
    for from in [Party::Server(N1), Party::User(keys(4).user_id())] {
        let orders = bench.give(Input::PingHeard { from, nonce: 8 });
        let packet = Packet::Pong(8);
        assert_eq!(orders, [Output::Send { to: from, packet }]);
    }
}

#[test]
fn rest_is_told_once_mail_is_fetched_and_letters_are_gone() {
    let mut bench = Bench::new();
    bench.wait(0);
    bench.give(Input::Queue(1));
    let orders = bench.give(Input::SettleWanted {
        wish: WISH,
        wait_ms: 20_000,
    });
    assert_eq!(busy_kinds(&orders), [(N1, ErrandKind::FetchMail)]);
    assert_eq!(outcome(&bench.wait(1_000)), None, "no server answered");
    bench.here_answered(N1, 2, NameAnswer::Yours);
    assert_eq!(outcome(&bench.wait(1_000)), None, "a letter of ours waits");
    bench.give(Input::Queue(0));
    bench.mail_waiting(N2, 1);
    bench.mail_waiting(N3, 1);
    assert_eq!(outcome(&bench.wait(700)), None, "mail waits");
    bench.give(Input::AckMail(vec![LetterId([1; 16])]));
    assert_eq!(outcome(&bench.wait(599)), None, "something moved");
    assert_eq!(outcome(&bench.wait(1)), Some(Outcome::Settled(true)));
}

#[test]
fn rest_that_does_not_come_in_time_is_told_so() {
    let mut bench = Bench::new();
    bench.wait(0);
    let wish = WISH;
    let wait_ms = 1_000;
    bench.give(Input::SettleWanted { wish, wait_ms });
    let orders = bench.wait(1_000);
    assert_eq!(outcome(&orders), Some(Outcome::Settled(false)));
}

fn any_entry() -> impl Strategy<Value = DirectoryEntry> {
    let name = prop_oneof![
        Just(String::new()),
        Just("alice".to_owned()),
        "[a-e]",
        Just("x".repeat(65))
    ];
    (name, 1_u8..5, any::<bool>())
        .prop_map(|(name, number, online)| entry(&name, number, online.then(|| address(1))))
}

fn any_input() -> impl Strategy<Value = (u64, Input)> {
    let node = (1_u8..5).prop_map(NodeId);
    let ticket = (0_u64..4).prop_map(|number| Ticket {
        desk: Desk::Presence,
        number,
    });
    let entries = prop::collection::vec(any_entry(), 0..8);
    let parts = (node, ticket, entries, any::<bool>(), "[a-f]");
    let input = (0_u8..12, parts).prop_map(|(kind, (from, ticket, entries, more, name))| {
        let number = u8::try_from(ticket.number).unwrap_or(0) + 1;
        let wish = WishId(ticket.number);
        match kind {
            0 => Input::PeersWanted(wish),
            1 => Input::SettleWanted { wish, wait_ms: 700 },
            2 => Input::Find { ticket, name },
            3 => Input::Locate {
                ticket,
                user: user(number),
            },
            4 => Input::Met(contact(&name, number)),
            5 => Input::AckMail(vec![LetterId([1; 16]); 20]),
            6 => Input::MailWaiting {
                from,
                letters: u32::from(more),
            },
            7 => Input::Disk {
                ticket,
                answer: DiskAnswer::Written,
            },
            8 => Input::Missing(user(number)),
            // Answers get the number of an open question from the test.
            _ => Input::LookupAnswered {
                from,
                answer: LookupAnswer {
                    nonce: ticket.number,
                    entries,
                    more,
                },
            },
        }
    });
    (0_u64..400, input)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever servers and users say, each question is answered exactly once, the key of a name
    /// never changes, and we are not our own peer.
    #[test]
    fn every_question_is_answered_once_and_no_key_changes(
        inputs in prop::collection::vec(any_input(), 0..80),
    ) {
        let mut bench = Bench::new();
        let mut nonces: Vec<u64> = Vec::new();
        let mut open = BTreeSet::new();
        let mut questions = 0;
        let mut pins = BTreeMap::new();
        let last = (5_000, Input::Queue(0));
        for (wait_ms, mut input) in inputs.into_iter().chain([last]) {
            let mut orders = bench.wait(wait_ms);
            if let Input::LookupAnswered { answer, .. } = &mut input
                && let Some(nonce) = nonces.iter().rev().nth(answer.nonce as usize)
            {
                answer.nonce = *nonce;
            }
            if let Input::Find { ticket, .. } | Input::Locate { ticket, .. } = &mut input {
                questions += 1;
                ticket.number = questions;
                open.insert(*ticket);
            }
            orders.extend(bench.give(input));
            nonces.extend(lookups(&orders).iter().map(|(_, lookup)| lookup.nonce));
            for order in &orders {
                match order {
                    Output::Found { ticket, who } => {
                        prop_assert!(open.remove(ticket));
                        if let Ok(contact) = who {
                            prop_assert_ne!(contact.identity.user_id(), user(1));
                        }
                    }
                    Output::Located { ticket, .. } => {
                        prop_assert!(open.remove(ticket));
                    }
                    _ => {}
                }
            }
            for peer in bench.machine.registry.peers(None) {
                prop_assert_ne!(peer.user, user(1));
                prop_assert_eq!(*pins.entry(peer.name).or_insert(peer.user), peer.user);
            }
        }
        bench.wait(5_000);
        let quiet = bench.wait(5_000);
        prop_assert!(open.is_empty());
        prop_assert!(quiet.iter().all(|order| matches!(
            order,
            Output::Send { packet: Packet::Errand(_), .. }
        )), "only signs of presence are left");
    }
}
