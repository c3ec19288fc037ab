//! The seeds, and whatever was found and kept beside them, through every target: `cargo test`.

use std::path::Path;

#[test]
fn nothing_in_the_corpus_breaks_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, run) in pentimento_fuzz::TARGETS {
        let mut files: Vec<_> = std::fs::read_dir(folder.join(target))
            .expect("seeds of each target")
            .map(|entry| entry.expect("a file").path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{target}");
        for file in files {
            run(&std::fs::read(&file).expect("readable"));
        }
    }
}
