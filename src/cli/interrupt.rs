//! Ctrl-C for commands that end by themselves: the program ends at once with exit code 130, at a
//! prompt too. Nothing is half done by that: whatever must not be lost is on disk before it is
//! told, and a look that was not shown is let go by the client.

use super::failure::INTERRUPTED;
use super::output;

/// Ends the program when the person interrupts it. Without a thread or signals to be had, the
/// operating system's own way of ending it stays.
pub fn watch() {
    let hearing = std::thread::Builder::new().name("interrupt".into());
    let _ = hearing.spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            end();
        }
    });
}

/// Ends the program.
#[expect(
    clippy::disallowed_methods,
    reason = "another thread waits for an answer of the person that will not come"
)]
fn end() {
    // The cursor stands behind a question or a bar.
    output::tell("");
    std::process::exit(INTERRUPTED.into());
}
