# Short names for what a contributor runs. `just` alone lists them.

# Shows this list.
default:
    @just --list --unsorted

# Everything a change must pass, without the demo. Never edits a file.
check: fmt-check clippy test doc deny

# Formats, and applies the lint suggestions a machine can apply.
fix:
    cargo clippy --locked --all-targets --fix --allow-dirty --allow-staged
    cargo fmt --all
    cargo fmt --manifest-path fuzz/Cargo.toml

# Is the tree formatted?
fmt-check:
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check

# Lints, warnings refused.
clippy:
    cargo clippy --locked --all-targets -- -D warnings

# All tests: unit, property, simulation, shell and integration.
test *ARGS:
    cargo test --locked {{ARGS}}

# Transports beside each other; `just bench --link` needs root, `just bench --list` tells the cases.
bench *ARGS:
    cargo bench --locked --bench transport -- {{ARGS}}

# Encodings beside each other.
bench-codec:
    cargo run --locked --release -- bench formats

# Hiding: each stage by itself, then whole requests beside other encoders, as ratios.
bench-hiding:
    cargo bench --locked --bench hiding
    cargo run --locked --release -- bench hide

# Documentation, warnings refused.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# Licences, bans and sources of the dependency tree.
deny:
    cargo deny --locked check licenses bans sources

# Simulates a cluster under N seeds; a seed that fails is printed as a command that repeats it.
seeds N="1000":
    cargo run --locked --bin pentimento-chaos -- seeds {{N}}

# Simulates the servers that agree on rights under N seeds, and judges what they answered.
rights N="1250":
    cargo run --locked --bin pentimento-chaos -- rights --seeds {{N}}

# Plays the scenarios of the tree in virtual time; `just chaos process` with real processes.
chaos MODE="sim":
    for file in config/chaos/*.toml; do \
        cargo run --locked --bin pentimento-chaos -- run "$file" --mode {{MODE}} || exit $?; \
    done

# What fuzzing begins with and what it has found, through all targets; needs a C++ compiler.
corpus:
    cargo test --locked --manifest-path fuzz/Cargo.toml

# The main job, start to end, on this machine.
demo:
    cargo run --locked -- demo

# What the gate runs: `check`, `rights`, `corpus` and the demo, with times.
ci:
    .ci/run
