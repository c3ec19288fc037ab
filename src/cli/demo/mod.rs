//! The demo: everything once, for real, on loopback. Three server processes, two client processes,
//! one picture hidden in another, looks counted, failures survived.

mod lending;
mod stage;
mod steps;

use std::sync::{Arc, Mutex, PoisonError};

use super::failure::{BROKEN, Ended, INTERRUPTED};
use super::output::Output;
use crate::proto::control::{Failure, Reason};
use stage::Stage;

/// Runs the demo. Ends all its processes, also on Ctrl-C; with `keep` they and their files stay
/// after a whole run.
///
/// # Errors
/// If the stage cannot be set. A step that does not hold is not an error but exit code 99.
pub fn run(output: Output, keep: bool) -> Ended {
    let stage = Arc::new(Mutex::new(Stage::set()?));
    let (told, done) = tokio::sync::oneshot::channel();
    let played = stage.clone();
    let player = std::thread::Builder::new()
        .name("demo".into())
        .spawn(move || {
            let tally = steps::play(&played, output);
            // Nobody listens any more after Ctrl-C.
            let _ = told.send(tally);
        });
    player.map_err(|error| Failure::new(Reason::Other, error.to_string(), "end other programs"))?;
    let ended = actix_rt::System::new().block_on(async {
        tokio::select! {
            tally = done => tally.ok(),
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    let mut stage = stage_of(&stage);
    let Some(tally) = ended else {
        stage.clear(false);
        output.remark("interrupted, all processes are ended");
        return Ok(INTERRUPTED);
    };
    stage.clear(keep);
    let verdict = if tally.passed == tally.total {
        "PASS"
    } else {
        "FAIL"
    };
    output.line(
        format!(
            "{verdict} {}/{} in {:.1} s",
            tally.passed,
            tally.total,
            tally.took.as_secs_f64()
        ),
        serde_json::json!({ "passed": tally.passed, "total": tally.total }),
    );
    if keep {
        output.remark(&stage.left_behind());
    }
    Ok(if tally.passed == tally.total {
        0
    } else {
        BROKEN
    })
}

/// The stage, whatever a panicked step left of it: ending processes must always work.
fn stage_of(stage: &Mutex<Stage>) -> std::sync::MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}
