//! Who asks a person's client for its gallery without having been introduced by the servers is
//! turned away: without a pass, with that of others, with one that ran out, with one of their own
//! making. The others are answered.
//!
//! Those who ask here are no programs of ours: they speak the protocol as they like.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use pentimento::crypto::identity::SecretIdentity;
use pentimento::crypto::letters;
use pentimento::crypto::passes::PassSigner;
use pentimento::crypto::static_key::StaticSecret;
use pentimento::node::server_key;
use pentimento::proto::cargo::Cargo;
use pentimento::proto::codec;
use pentimento::proto::identity::PublicIdentity;
use pentimento::proto::ids::{LetterId, NodeId, UserId};
use pentimento::proto::letter::{Letter, Note};
use pentimento::proto::limits::{LETTER_MAX_BYTES, PASS_MS, PASS_SKEW_MS};
use pentimento::proto::packet::{DirectoryEntry, ErrandKind, Lookup, LookupKind, Packet, Party};
use pentimento::proto::pass::{Pass, PassFault, Visit};
use pentimento::proto::route::Route;
use pentimento::talk::home;
use pentimento::time::WallTime;
use pentimento::transport::contract::{Incoming, Moved, Order};

use super::stage::{Guest, Stage};

const NONCE: u64 = 77;

/// A user without a program of ours.
struct Outsider {
    identity: SecretIdentity,
    guest: Guest,
    letters: u8,
    errands: u64,
}

/// What a client said to a question.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Gallery(Vec<String>),
    TurnedAway(PassFault),
}

impl Outsider {
    fn new(stage: &Stage, secret: u8) -> Self {
        let identity = SecretIdentity::from_secret([secret; 32]);
        Self {
            guest: Guest::new(&identity, stage.servers(), Ipv4Addr::LOCALHOST),
            identity,
            letters: 0,
            errands: 0,
        }
    }

    /// Tells server 1 that we are here under a name, and waits for its word.
    fn arrive(&mut self, name: &str) {
        self.errands += 1;
        let kind = ErrandKind::Here {
            name: name.to_owned(),
            ttl_ms: 30_000,
        };
        let epoch = self.guest.clock.calendar().started_at;
        let errand = self.identity.errand(epoch, self.errands, kind);
        // The server writes the name down first.
        let to = Party::Server(NodeId(1));
        self.guest.order(Order::Send {
            to,
            packets: vec![Packet::Errand(errand)],
        });
        let answered = |incoming: &Incoming| {
            let is = |packet: &Packet| matches!(packet, Packet::HereAnswer(_));
            incoming.packets.iter().any(is).then_some(())
        };
        self.guest
            .hear("the answer to a sign of presence", answered);
    }

    /// Asks server 1 who and where a user is.
    fn look_up(&mut self, user: UserId) -> (DirectoryEntry, Option<Pass>) {
        let lookup = Lookup {
            nonce: 5,
            wanted: LookupKind::User(user),
        };
        self.guest.order(Order::Send {
            to: Party::Server(NodeId(1)),
            packets: vec![Packet::Lookup(lookup)],
        });
        self.guest.hear("the answer about a user", |incoming| {
            incoming.packets.iter().find_map(|packet| match packet {
                Packet::LookupAnswer(answer) => {
                    Some((answer.entries.first()?.clone(), answer.pass))
                }
                _ => None,
            })
        })
    }

    fn letter(&mut self, to: &PublicIdentity) -> Letter {
        self.letters += 1;
        let id = LetterId([self.letters; 16]);
        let note = Note::GalleryAsk {
            nonce: NONCE,
            from_name: String::new(),
        };
        let at = self.guest.clock.calendar().at(self.guest.clock.now());
        letters::seal(&self.identity, to, id, at, &note, [self.letters; 32]).expect("seals")
    }

    /// Asks a person's client for its gallery and waits for its word.
    fn visit(&mut self, to: &PublicIdentity, at: SocketAddr, pass: Option<Pass>) -> Word {
        let letter = Bytes::from(codec::encode(&self.letter(to)));
        let id = LetterId([self.letters; 16]);
        let body = Bytes::from(codec::encode(&Visit { pass, letter }));
        self.send(to, at, Cargo::Visit(id), body)
    }

    fn send(&mut self, to: &PublicIdentity, at: SocketAddr, cargo: Cargo, body: Bytes) -> Word {
        self.guest.order(Order::Reach(Route {
            user: to.user_id(),
            key: to.seal,
            addresses: vec![at],
        }));
        self.guest.order(Order::SendMessage {
            to: Party::User(to.user_id()),
            cargo,
            body,
            digest: None,
        });
        let (us, id) = (self.identity.clone(), LetterId([self.letters; 16]));
        self.guest.hear("a word of the client", |incoming| {
            let mut packets = incoming.packets.iter();
            let fault = packets.find_map(|packet| match packet {
                Packet::PassWanted { letter, fault } if *letter == id => Some(*fault),
                _ => None,
            });
            let gallery = incoming.moved.iter().find_map(|moved| match moved {
                Moved::Received {
                    cargo: Cargo::Letter(_),
                    body,
                } => gallery(&us, body),
                _ => None,
            });
            fault.map(Word::TurnedAway).or(gallery)
        })
    }
}

/// A gallery, if that is what a letter holds.
fn gallery(reader: &SecretIdentity, body: &[u8]) -> Option<Word> {
    let letter: Letter = codec::decode(body, LETTER_MAX_BYTES + 512).ok()?;
    match letters::open(reader, &letter).ok()? {
        Note::Gallery { nonce, items, .. } if nonce == NONCE => Some(Word::Gallery(
            items.into_iter().map(|item| item.name).collect(),
        )),
        _ => None,
    }
}

#[test]
fn who_was_not_introduced_by_a_server_is_turned_away() {
    let mut stage = Stage::set();
    let at = stage.invite("alice");
    for id in super::stage::SERVERS {
        stage.raise(id);
    }
    stage.wait_ready();
    stage.enter("alice");
    stage.wait_online("alice");
    std::fs::write(stage.folder().join("beach.bin"), b"sand").expect("a file");
    let offer = ["--json", "offer", "beach.bin", "--name", "beach"];
    stage.run("alice", &offer).result(0);
    let secret = home::read_key(&stage.home("alice")).expect("a key");
    let alice = *secret.public();

    // Whom no server knows finds everybody, and gets no pass.
    let mut eve = Outsider::new(&stage, 66);
    let (entry, pass) = eve.look_up(alice.user_id());
    assert_eq!((entry.identity, pass), (alice, None));
    let turned_away = |fault| Word::TurnedAway(fault);
    assert_eq!(eve.visit(&alice, at, None), turned_away(PassFault::Missing));
    // An envelope without a place for it makes no difference.
    let letter = eve.letter(&alice);
    let body = Bytes::from(codec::encode(&letter));
    let word = eve.send(&alice, at, Cargo::Letter(letter.id), body);
    assert_eq!(word, turned_away(PassFault::Missing));

    // Who has said to a server who they are gets one, and sees the gallery.
    let mut mallory = Outsider::new(&stage, 67);
    mallory.arrive("mallory");
    let (_, pass) = mallory.look_up(alice.user_id());
    let pass = pass.expect("a pass");
    let word = mallory.visit(&alice, at, Some(pass));
    assert_eq!(word, Word::Gallery(vec!["beach".to_owned()]));

    // It is of no use to anybody else, nor is one of the same server that ran out, nor one that
    // nobody signed whose key Alice has.
    let word = eve.visit(&alice, at, Some(pass));
    assert_eq!(word, turned_away(PassFault::OtherPair));
    let of_server = server_key::read(&stage.data(1)).expect("the key of server 1");
    let us = eve.identity.user_id();
    let made = |secret: &StaticSecret, until: u64| {
        let until = WallTime(until);
        Some(PassSigner::new(secret).pass(us, alice.user_id(), until, NodeId(1)))
    };
    let now = eve.guest.clock.calendar().at(eve.guest.clock.now()).0;
    let over = made(&of_server, now - PASS_SKEW_MS - 10_000);
    assert_eq!(eve.visit(&alice, at, over), turned_away(PassFault::Expired));
    let too_long = made(&of_server, now + 2 * PASS_MS + PASS_SKEW_MS);
    assert_eq!(
        eve.visit(&alice, at, too_long),
        turned_away(PassFault::Ahead)
    );
    let own = made(&StaticSecret::from_bytes([66; 32]), now + PASS_MS);
    assert_eq!(eve.visit(&alice, at, own), turned_away(PassFault::Forged));
    assert_eq!(stage.fallen(), Vec::<String>::new());
}
