//! Initiations, answers, finishes, cookies and early packets, some of them with right codes.

use std::cell::RefCell;

use pentimento::time::{Moment, WallTime};
use pentimento::transport::handshake::{Config, Desk, Initiator, Reaction};

use crate::Input;
use crate::world::stranger_address;

const CALLS: u32 = 50_000;

struct Desks {
    ours: Desk,
    theirs: Desk,
    /// One of ours that waits for its answer.
    waiting: Initiator,
    initiation: Vec<u8>,
    answer: Vec<u8>,
    now_us: u64,
    calls: u32,
}

impl Desks {
    fn new() -> Self {
        // Few are worth the work with keys; the others are asked for cookies in a crowd.
        let config = Config {
            busy_initiations_per_s: 50,
            handshakes_per_s: 4,
            ..Config::default()
        };
        let make = |secret: u8| {
            Desk::new(
                &[secret; 32],
                vec![secret; 34],
                [secret; 32],
                config.clone(),
            )
            .expect("a desk")
        };
        let (mut ours, mut theirs) = (make(1), make(2));
        let wall = WallTime(1_800_000_000_000);
        let key = *theirs.public();
        let (waiting, initiation) = ours.begin(wall, Some(key), 7, 1_200).expect("a key");
        let now = Moment::from_micros(1);
        let reaction = theirs.on_initiation(now, stranger_address(1), &initiation, 8);
        let Reaction::Answer {
            datagram: answer, ..
        } = reaction
        else {
            panic!("an answer");
        };
        Self {
            ours,
            theirs,
            waiting,
            initiation,
            answer,
            now_us: 1,
            calls: 0,
        }
    }
}

thread_local! {
    static DESKS: RefCell<Option<Desks>> = const { RefCell::new(None) };
}

/// Changes bytes of a true datagram: pairs of place and difference.
fn bend(datagram: &[u8], input: &mut Input<'_>) -> Vec<u8> {
    let mut bent = datagram.to_vec();
    if input.byte() & 1 == 1 {
        bent.truncate(usize::from(input.short()));
    }
    while !input.is_empty() {
        let place = usize::from(input.short());
        if let Some(byte) = bent.get_mut(place) {
            *byte ^= input.byte();
        }
    }
    bent
}

/// The right code for an initiation to this key, so that what is behind it is tried too.
fn sign(initiation: &mut [u8], key: &[u8; 32]) {
    if initiation.len() < 1_136 {
        return;
    }
    let length = usize::from(u16::from_le_bytes([initiation[7], initiation[8]]));
    let place = initiation.len() - 32;
    if 9 + length > place {
        return;
    }
    let key = match initiation[6] {
        1 => blake3::derive_key("pentimento 2 transport mac1", key),
        _ => blake3::derive_key("pentimento 2 transport mac1", &[0; 32]),
    };
    let mut hasher = blake3::Hasher::new_keyed(&key);
    hasher.update(&initiation[..9 + length]);
    hasher
        .finalize_xof()
        .fill(&mut initiation[place..place + 16]);
}

/// First byte: which kind; second: how time passes.
pub fn run(data: &[u8]) {
    DESKS.with_borrow_mut(|slot| {
        let desks = slot.get_or_insert_with(Desks::new);
        let mut input = Input(data);
        let kind = input.byte();
        desks.calls += 1;
        desks.now_us += u64::from(input.byte()) * 50;
        let now = Moment::from_micros(desks.now_us);
        let from = stranger_address(input.byte());
        match kind % 8 {
            0 => {
                let bytes = input.0.to_vec();
                react(desks, now, from, &bytes);
            }
            1 | 2 => {
                let mut bent = bend(&desks.initiation, &mut input);
                if kind % 8 == 2 {
                    sign(&mut bent, desks.theirs.public());
                }
                react(desks, now, from, &bent);
            }
            3 => {
                let bent = bend(&desks.answer, &mut input);
                let is_true = bent == desks.answer;
                if is_true && desks.calls % 1_000 > 0 {
                    // It ends what waits for it, and another costs more than all else.
                    return;
                }
                let made = desks.ours.on_answer(now, &mut desks.waiting, &bent);
                assert_eq!(made.is_ok(), is_true);
                if is_true {
                    *slot = None;
                    return;
                }
            }
            4 => {
                if input.0 != desks.answer {
                    let made = desks.ours.on_answer(now, &mut desks.waiting, input.0);
                    assert!(made.is_err());
                }
            }
            5 => {
                let _ = desks.ours.on_cookie(now, &mut desks.waiting, input.0);
                let _ = desks.waiting.again(now, usize::from(kind) * 64);
            }
            6 => assert!(desks.theirs.on_finish(now, input.0).is_err()),
            _ => {
                let mut bytes = input.0.to_vec();
                assert!(desks.theirs.on_early(now, from, &mut bytes, 9).is_err());
            }
        }
        if desks.calls > CALLS {
            *slot = None;
        }
    });
}

fn react(desks: &mut Desks, now: Moment, from: std::net::SocketAddr, bytes: &[u8]) {
    let reaction = desks.theirs.on_initiation(now, from, bytes, 9);
    match reaction {
        Reaction::Answer { datagram, .. } | Reaction::Cookie(datagram) => {
            assert!(datagram.len() <= bytes.len());
        }
        Reaction::Refusal(datagram) => assert!(datagram.len() <= bytes.len()),
        Reaction::Dropped(_) => {}
    }
    assert!(desks.theirs.memory_bytes() <= 16 << 20);
}
