//! The switch of a planned failure: while it is shut, nothing comes in and nothing goes out, on
//! any socket that people and servers use. No concern needs an `if failed`. Only the operator's own
//! door, the admin port, still answers.

/// Open or shut, and what it kept out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultGate {
    shut: bool,
    kept_out: u64,
}

impl FaultGate {
    /// Shuts or opens the gate.
    pub const fn set(&mut self, shut: bool) {
        self.shut = shut;
    }

    /// Whether it is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !self.shut
    }

    /// Whether `count` datagrams may pass, in either direction. Counts those that may not.
    pub const fn pass(&mut self, count: usize) -> bool {
        if self.shut {
            self.kept_out += count as u64;
        }
        !self.shut
    }

    /// Datagrams kept out so far.
    #[must_use]
    pub const fn kept_out(&self) -> u64 {
        self.kept_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shut_gate_passes_nothing_and_counts() {
        let mut gate = FaultGate::default();
        assert!(gate.pass(1));
        gate.set(true);
        assert!(!gate.pass(3));
        gate.set(false);
        assert!(gate.pass(1));
        assert_eq!(gate.kept_out(), 3);
    }
}
