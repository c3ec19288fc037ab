//! A sequence of fragments, cancellations, sessions and pauses reaches a receiver: what it holds
//! is bounded by what came, and nothing is left when it is cleared.

use core::time::Duration;

use pentimento::proto::cargo::{Cargo, Manifest};
use pentimento::proto::codec;
use pentimento::proto::ids::Digest;
use pentimento::time::Moment;
use pentimento::transport::budget::Budget;
use pentimento::transport::message::Fragment;
use pentimento::transport::pool::{self, Pool};
use pentimento::transport::receiver::{Config, FragmentReceiver, ReceiverEvent};

use crate::Input;

/// What a message may cost beside its bytes.
const RECORD_BYTES: usize = 4_096;

/// Bytes that reach the receiver in one call at the most, beside those of the last operation.
const CAME_MAX: usize = 80_000;
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

thread_local! {
    /// One message of each number.
    static MESSAGES: [Vec<u8>; 8] = [0, 1, 200, 5_000, 20_000, 66_000, 140_000, 300_000]
        .map(|size| message(size as u8, size));
}

/// A true message of this size, as its sender would cut it.
fn message(number: u8, size: usize) -> Vec<u8> {
    let body = vec![number; size];
    let manifest = Manifest {
        cargo: Cargo::MailState(u64::from(number)),
        size_bytes: size as u32,
        digest: Digest(*blake3::hash(&body).as_bytes()),
    };
    let encoded = codec::encode(&manifest);
    let mut bytes = (encoded.len() as u16).to_le_bytes().to_vec();
    bytes.extend(encoded);
    bytes.extend(body);
    bytes
}

/// A sequence of operations.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let config = Config {
        transfers_max: 4,
        memory_max_bytes: 1 << 20,
        ..Config::lan()
    };
    let mut receiver = FragmentReceiver::new(config);
    let mut budget = Budget::new(1 << 20);
    let pool = Pool::new(pool::Config::lan());
    let mut now = Moment::from_millis(1);
    let mut came = 0;
    let mut begun = 0;
    while !input.is_empty() && came < CAME_MAX {
        match input.byte() % 8 {
            0..=2 => {
                let fragment = Fragment {
                    message: input.number(),
                    index: input.number(),
                    total_bytes: input.word() >> (input.byte() % 32),
                    data: &ZEROS[..input.size()],
                };
                came += fragment.data.len();
                begun += 1;
                receiver.on_fragment(now, &fragment, &mut budget, &pool);
            }
            3 | 4 => {
                let number = input.byte() % 8;
                let length = 64 + input.size();
                let first = u32::from(input.byte());
                let count = u32::from(input.byte() % 64);
                MESSAGES.with(|messages| {
                    let whole = &messages[usize::from(number)];
                    let cut = whole.chunks(length).zip(0..);
                    for (data, index) in cut.skip(first as usize).take(count as usize) {
                        let fragment = Fragment {
                            message: u32::from(number) + 1,
                            index,
                            total_bytes: whole.len() as u32,
                            data,
                        };
                        came += data.len();
                        begun += 1;
                        receiver.on_fragment(now, &fragment, &mut budget, &pool);
                    }
                });
            }
            5 => receiver.cancel(now, input.number(), &mut budget),
            6 => receiver.begin_session(now, &mut budget),
            _ => {
                now = now.after(Duration::from_millis(u64::from(input.short())));
                receiver.on_deadline(now, &mut budget);
                receiver.status_lost(input.number());
            }
        }
        assert_eq!(receiver.used_bytes(), budget.used_bytes());
        assert!(budget.used_bytes() <= budget.max_bytes());
        let records = RECORD_BYTES * begun.min(8);
        let limit = 4 * came + records + (1 << 17);
        assert!(
            budget.used_bytes() <= limit,
            "{} for {came}",
            budget.used_bytes()
        );
        while let Some(status) = receiver.poll_status() {
            assert!(
                status.first_missing <= status.credit
                    || status.credit == 0
                    || status.words.is_empty()
            );
        }
        while let Some(event) = receiver.poll_event() {
            if let ReceiverEvent::Received {
                cargo: Cargo::MailState(number),
                body,
            } = event
            {
                assert!(
                    body.iter().all(|byte| u64::from(*byte) == number),
                    "bytes are identical"
                );
            }
        }
    }
    receiver.clear(&mut budget);
    assert_eq!(budget.used_bytes(), 0);
}
