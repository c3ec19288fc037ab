//! What is poured: one row for each kind of datagram.

use std::time::Duration;

use bytes::Bytes;
use pentimento::proto::codec;
use pentimento::proto::ids::{Digest, RequestId, UserId};
use pentimento::proto::limits::MESSAGE_MAX_BYTES;
use pentimento::proto::packet::{Ask, Claim, Done, LoadReport, Packet, StateKind, TokenPacket};
use pentimento::talk::session::pause;
use pentimento::time::WallTime;
use pentimento::transport::frame;
use pentimento::transport::handshake::forged_initiation;
use pentimento::transport::wire::{self, Header, Outer, VERSION};

use super::crowd::{Crowd, in_turns};

/// A kind of datagram, and what it may do.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Sends some of them. Told how often it was called for this row.
    pub(super) pour: fn(&mut Crowd<'_>, u32),
    /// It is called so often at the least.
    pub(super) rounds_min: u32,
    /// The server counts them by any of these reasons.
    pub(super) counted_as: &'static [&'static str],
    /// So many at the least.
    pub(super) counted_min: u64,
    /// By so much may the server's resident memory grow.
    pub(super) grows_max_kib: u64,
    /// Nobody among the senders has a session: no more is answered than came.
    pub(super) strangers: bool,
}

const MANY_KIB: u64 = 16 << 10;
const FEW_KIB: u64 = 8 << 10;

/// A row of strangers.
const fn strangers(
    name: &'static str,
    counted_as: &'static [&'static str],
    pour: fn(&mut Crowd<'_>, u32),
) -> Row {
    Row {
        name,
        pour,
        rounds_min: 10,
        counted_as,
        counted_min: 1_000,
        grows_max_kib: MANY_KIB,
        strangers: true,
    }
}

/// A row of users with sessions.
const fn inside(
    name: &'static str,
    counted_as: &'static [&'static str],
    pour: fn(&mut Crowd<'_>, u32),
) -> Row {
    Row {
        strangers: false,
        ..strangers(name, counted_as, pour)
    }
}

const NO_MESSAGE: &str = "fragment of no message";
const MALFORMED: &str = "malformed frame";
const OUT_OF_PLACE: &str = "not for its sender to say";

/// Attackers of rows that are about memory.
const HOARDERS: u16 = 16;
/// Of each of them as many pieces as half fill this, and no piece may be shorter.
const GAPPY_BYTES: u32 = 1 << 19;
const PIECE_BYTES: u32 = 64;
/// What all of them send in [`gappy_pieces`], in KiB.
const GAPPY_KIB: u64 = HOARDERS as u64 * GAPPY_BYTES as u64 / 2 / 1_024;
/// Forged handshakes in a round.
const FLOOD: u32 = 20_000;

/// All of them. The flood is the last, because a crowd is remembered for a while.
pub(super) const TABLE: &[Row] = &[
    strangers(
        "five bytes",
        &["another version of the protocol"],
        five_bytes,
    ),
    strangers("empty datagram", &["empty"], empty),
    strangers("unknown type", &["unknown kind"], unknown_type),
    inside("short fragment", &[MALFORMED, NO_MESSAGE], short_fragment),
    inside("index beyond length", &[NO_MESSAGE], index_beyond_length),
    Row {
        counted_min: 10_000,
        grows_max_kib: FEW_KIB,
        ..inside("announced 4 GB", &[NO_MESSAGE], announced_4_gb)
    },
    Row {
        rounds_min: 50,
        counted_min: 5_000,
        grows_max_kib: FEW_KIB,
        ..inside(
            "announced 64 MB",
            &["fragment without room"],
            announced_largest,
        )
    },
    inside(
        "acknowledgement of nothing",
        &["acknowledgement of what was not sent"],
        acknowledged_nothing,
    ),
    strangers(
        "a stranger's acknowledgement",
        &["unknown session", "forged"],
        stranger_acknowledges,
    ),
    Row {
        rounds_min: 4,
        strangers: false,
        ..strangers(
            "replay",
            &["repeated", "forged", "unknown session", "replayed"],
            |crowd, round| crowd.replay(round % 2 == 0),
        )
    },
    inside("forged claim", &[OUT_OF_PLACE], forged_claim),
    strangers(
        "forged claim, no session",
        &["another version of the protocol", "unknown kind"],
        claim_of_a_stranger,
    ),
    inside("forged token", &[OUT_OF_PLACE], forged_token),
    Row {
        counted_min: 20,
        ..inside("forged server", &["not one of ours"], forged_server)
    },
    Row {
        grows_max_kib: FEW_KIB,
        ..inside("1-byte fragments with gaps", &[NO_MESSAGE], gappy_bytes)
    },
    Row {
        rounds_min: 2,
        // Twice what came, and what the sessions take.
        grows_max_kib: 2 * GAPPY_KIB + FEW_KIB,
        ..inside("fragments with gaps", &[MALFORMED], gappy_pieces)
    },
    Row {
        rounds_min: 20,
        ..strangers(
            "flood of forged handshakes",
            &["does not open", "under load", "rate", "bad static key"],
            flood,
        )
    },
];

fn five_bytes(crowd: &mut Crowd<'_>, _: u32) {
    for _ in 0..100 {
        crowd.throw(&[1, 2, 3, 4, 5]);
        crowd.throw(b"hello");
    }
}

fn empty(crowd: &mut Crowd<'_>, _: u32) {
    for _ in 0..200 {
        crowd.throw(&[]);
    }
}

fn unknown_type(crowd: &mut Crowd<'_>, _: u32) {
    for size in 0..200 {
        let mut datagram = vec![0x61; 2 + size * 7];
        datagram[..2].copy_from_slice(&[VERSION, 99]);
        crowd.throw(&datagram);
    }
}

/// A fragment as its sender likes it.
fn fragment(message: u32, index: u32, total: u32, size: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    frame::write_fragment(&mut frames, message, index, total, false);
    frames.resize(frames.len() + size, 0x61);
    frames
}

fn short_fragment(crowd: &mut Crowd<'_>, _: u32) {
    in_turns(crowd.attackers(1), 100, |attacker, turn| {
        let whole = fragment(7, 0, 1 << 20, 0);
        attacker.say(&whole[..1 + turn as usize % (whole.len() - 1)]);
        attacker.say(&fragment(turn, 5, 1 << 20, turn as usize % 60));
    });
}

fn index_beyond_length(crowd: &mut Crowd<'_>, round: u32) {
    in_turns(crowd.attackers(1), 100, |attacker, turn| {
        let message = round * 100 + turn;
        attacker.say(&fragment(message, u32::MAX, 1 << 20, 1_000));
        attacker.say(&fragment(message, 2_000, 1 << 20, 1_000));
    });
}

fn announced_4_gb(crowd: &mut Crowd<'_>, round: u32) {
    in_turns(crowd.attackers(HOARDERS), 100, |attacker, turn| {
        let message = round * 100 + turn;
        attacker.say(&fragment(message, 0, u32::MAX, 1_000));
    });
}

fn announced_largest(crowd: &mut Crowd<'_>, round: u32) {
    in_turns(crowd.attackers(HOARDERS), 20, |attacker, turn| {
        let message = round * 20 + turn;
        let total = MESSAGE_MAX_BYTES as u32;
        attacker.say(&fragment(message, message % 3, total, 64));
    });
}

/// An acknowledgement of everything up to a packet that nobody sent.
fn acks() -> Vec<u8> {
    let mut frames = Vec::new();
    for largest in [(1 << 48) - 1, 1 << 30] {
        frame::write_ack(&mut frames, largest, 0, &[u64::MAX; 16]);
    }
    frames
}

fn acknowledged_nothing(crowd: &mut Crowd<'_>, _: u32) {
    in_turns(crowd.attackers(4), 50, |attacker, _| attacker.say(&acks()));
}

/// In the session of somebody else, which was overheard, and in one that nobody has.
fn stranger_acknowledges(crowd: &mut Crowd<'_>, round: u32) {
    let datagrams = crowd.captured.datagrams.iter();
    let mut to_server = datagrams.filter(|(to, _)| *to == crowd.server.clients);
    let overheard = to_server.find_map(|(_, datagram)| match wire::parse(datagram) {
        Ok(Outer::Sealed(header)) => Some(header.session),
        _ => None,
    });
    let overheard = overheard.expect("a packet to this server");
    for number in 0..100 {
        for session in [overheard, overheard ^ (1 + number)] {
            let header = Header {
                generation: 0,
                session,
                number: u64::from(round * 100 + number) << 20,
            };
            let mut datagram = header.to_bytes().to_vec();
            datagram.extend(acks());
            datagram.extend([0x61; wire::TAG_BYTES]);
            crowd.throw(&datagram);
        }
    }
}

/// What servers say to each other about requests and about themselves.
fn claims(number: u32) -> [Packet; 4] {
    let request = RequestId {
        boot: 7,
        counter: number,
    };
    let ask = Ask {
        request,
        size_bytes: 1_000,
        digest: Digest([7; 32]),
    };
    let claim = Claim {
        ask,
        client: UserId([7; 32]),
        epoch: u32::MAX,
        score: 0,
        waited: false,
    };
    let report = LoadReport {
        incarnation: WallTime(u64::MAX),
        sequence: u64::MAX,
        queued: 0,
        running: 0,
        speed_milli: u32::MAX,
        caught_up: true,
        draining: true,
        mail_digest: 0,
        names_digest: 0,
    };
    [
        Packet::Claim(claim),
        Packet::Done(Done::delivered(request)),
        Packet::Bye,
        Packet::Load(report),
    ]
}

/// What servers say to each other about planned failures and shared state.
fn tokens(number: u32) -> [Packet; 6] {
    let nonce = u64::from(number);
    [
        Packet::Token(TokenPacket::Switch {
            commanded_at: WallTime(u64::MAX),
            on: true,
            announced: false,
        }),
        Packet::Token(TokenPacket::Pass { turn: u64::MAX }),
        Packet::Token(TokenPacket::MayI {
            nonce,
            turn: u64::MAX,
            hold_ms: 20_000,
        }),
        Packet::Token(TokenPacket::YouMay { nonce }),
        Packet::StateAsk(StateKind::Mailbox),
        Packet::Agree(Bytes::from_static(&[0x61; 64])),
    ]
}

fn encoded(packet: &Packet) -> Vec<u8> {
    codec::encode_packet(packet).expect("it is short")
}

fn framed(packet: &Packet) -> Vec<u8> {
    let mut frames = Vec::new();
    frame::write_packet(&mut frames, &encoded(packet), true);
    frames
}

fn forged_claim(crowd: &mut Crowd<'_>, round: u32) {
    in_turns(crowd.attackers(4), 12, |attacker, turn| {
        for packet in claims(round * 12 + turn) {
            attacker.say(&framed(&packet));
        }
    });
}

fn claim_of_a_stranger(crowd: &mut Crowd<'_>, round: u32) {
    for number in 0..20 {
        for packet in claims(round * 20 + number) {
            crowd.throw(&encoded(&packet));
        }
        for packet in tokens(round * 20 + number) {
            crowd.throw(&encoded(&packet));
        }
    }
}

fn forged_token(crowd: &mut Crowd<'_>, round: u32) {
    in_turns(crowd.attackers(4), 8, |attacker, turn| {
        for packet in tokens(round * 8 + turn) {
            attacker.say(&framed(&packet));
        }
    });
}

/// Fewer in a second than a crowd is, or all of them would be asked for their address first.
fn forged_server(crowd: &mut Crowd<'_>, _: u32) {
    for impostor in crowd.impostors(4) {
        let (_, initiation) = impostor.begin();
        impostor.throw(&initiation);
    }
    pause(Duration::from_millis(50));
}

/// Each second one of a message is left out. Only the last fragment of a message may be that
/// short, so the first of them is refused, and its message with it.
fn gappy_bytes(crowd: &mut Crowd<'_>, round: u32) {
    in_turns(crowd.attackers(HOARDERS), 50, |attacker, turn| {
        let message = round * 50 + turn;
        for index in [1, 3, 5, 7] {
            attacker.say(&fragment(message, index, 1 << 20, 1));
        }
    });
}

/// As short as they may be. What was lost on its way comes in the next round. Nothing that is taken
/// is counted: a frame that is none goes along, now and then.
fn gappy_pieces(crowd: &mut Crowd<'_>, _: u32) {
    let turns = GAPPY_BYTES / PIECE_BYTES / 2;
    in_turns(crowd.attackers(HOARDERS), turns, |attacker, turn| {
        attacker.say(&fragment(
            1,
            2 * turn + 1,
            GAPPY_BYTES,
            PIECE_BYTES as usize,
        ));
        if turn % 16 == 0 {
            attacker.say(&[200]);
        }
    });
}

fn flood(crowd: &mut Crowd<'_>, round: u32) {
    let key = crowd.server.key.0;
    for number in 0..FLOOD {
        crowd.hurl(&forged_initiation(&key, round * FLOOD + number, 1_200));
        if number % 1_000 == 0 {
            crowd.hear();
        }
    }
}
