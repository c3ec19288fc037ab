//! Work in bands on all cores, with a result that does not depend on how many there are.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Most threads one picture uses.
const MAX_THREADS: usize = 16;

/// Runs `work` for each band number below `bands` and joins the results in that order.
pub(super) fn in_bands<T: Send>(bands: usize, work: impl Fn(usize) -> Vec<T> + Sync) -> Vec<T> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    in_bands_on(cores.clamp(1, MAX_THREADS), bands, work)
}

fn in_bands_on<T: Send>(
    threads: usize,
    bands: usize,
    work: impl Fn(usize) -> Vec<T> + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Vec<T>>> = (0..bands).map(|_| Mutex::new(Vec::new())).collect();
    let run = || {
        loop {
            let band = next.fetch_add(1, Ordering::Relaxed);
            let Some(slot) = done.get(band) else { break };
            let result = work(band);
            *slot.lock().expect("no band panics while it holds its slot") = result;
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    let mut joined = Vec::new();
    for slot in done {
        joined.append(&mut slot.into_inner().expect("no band panicked"));
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_arrive_in_order_whatever_the_number_of_threads() {
        let work = |band: usize| vec![band * 2, band * 2 + 1];
        let wanted: Vec<usize> = (0..40).collect();
        for threads in [1, 2, 7] {
            assert_eq!(in_bands_on(threads, 20, work), wanted);
        }
        assert!(in_bands_on(3, 0, work).is_empty());
    }
}
