//! The server that does the work is killed (SIGKILL, no goodbye) while it works. The client gets
//! its picture from another server and notices nothing but the time; the killed server comes back.

use bytes::Bytes;
use pentimento::proto::control::{Outcome, Progress};
use pentimento::proto::ids::NodeId;

use super::stage::{Stage, noise};

/// Long enough for an upload and a download of many round trips.
const FILE_BYTES: usize = 1_900_000;
/// A kill can come after the last byte on a machine that stalls; then it is done once more.
const ATTEMPTS: u64 = 5;

#[test]
fn a_server_killed_during_the_upload_is_replaced() {
    replaced_when_killed_at(|step| matches!(step, Progress::Uploading { .. }));
}

#[test]
fn a_server_killed_during_the_download_is_replaced() {
    replaced_when_killed_at(|step| matches!(step, Progress::Downloading { .. }));
}

fn replaced_when_killed_at(moment: fn(&Progress) -> bool) {
    let mut stage = Stage::with(&["alice"]);
    let replaced = (0..ATTEMPTS).any(|seed| {
        let original = noise(seed, FILE_BYTES);
        let (struck, owners) = hide_with_a_kill(&mut stage, &original, moment);
        stage.raise(struck.0);
        stage.wait_ready();
        stage.wait_online("alice");
        owners >= 2
    });
    assert!(replaced, "no kill hit a request");
    assert_eq!(stage.fallen(), Vec::<String>::new());
}

/// Hides the file, kills the elected server at the moment, and checks that the picture arrived.
/// Gives the killed server and how many servers took the request.
fn hide_with_a_kill(
    stage: &mut Stage,
    original: &Bytes,
    moment: fn(&Progress) -> bool,
) -> (NodeId, u32) {
    let (mut elected, mut struck) = (None, None);
    let mut talk = stage.talk("alice");
    let outcome = Stage::hide_by(&mut talk, original, |step| {
        if let Progress::Elected { node, .. } = step {
            elected = Some(node);
        }
        if moment(&step) && struck.is_none() {
            let node = elected.expect("work begins with an election");
            stage.strike_server(node.0);
            struck = Some(node);
        }
    });
    let struck = struck.expect("the moment came");
    let Ok(Outcome::Hidden {
        picture, timings, ..
    }) = outcome
    else {
        panic!("{struck} was killed and the picture did not come: {outcome:.200?}");
    };
    if timings.owners >= 2 {
        assert_ne!(timings.node, Some(struck), "the dead do not answer");
    }
    stage.assert_reveals("alice", picture, original);
    (struck, timings.owners)
}
