//! The register alone: joining in any order gives the same.

use super::*;

fn any_claim() -> impl Strategy<Value = Claim> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c")];
    // One errand claims one name, so its number decides the name here.
    (1_u8..5, name, 0_u64..4, 0_u64..3).prop_map(|(number, name, at, sequence)| {
        let order = sequence * 3 + u64::from(name.as_bytes()[0] - b'a');
        claim(number, name, at, order)
    })
}

fn register_of(claims: &[Claim]) -> Register {
    let mut register = Register::default();
    for claim in claims {
        register.take(claim.clone());
    }
    register
}

fn merged(into: &Register, from: &Register) -> Register {
    let mut register = register_of(&into.claims().cloned().collect::<Vec<_>>());
    for claim in from.claims() {
        register.take(claim.clone());
    }
    register
}

proptest! {
    #[test]
    fn joining_is_commutative_and_idempotent(
        ours in prop::collection::vec(any_claim(), 0..12),
        theirs in prop::collection::vec(any_claim(), 0..12),
    ) {
        let (ours, theirs) = (register_of(&ours), register_of(&theirs));
        let both = merged(&ours, &theirs);
        prop_assert_eq!(both.digest(), merged(&theirs, &ours).digest());
        prop_assert_eq!(both.digest(), merged(&both, &ours).digest());
        prop_assert_eq!(both.digest(), merged(&theirs, &both).digest());
        for name in ["a", "b", "c"] {
            prop_assert_eq!(both.holder(name), merged(&theirs, &ours).holder(name));
        }
    }

    #[test]
    fn exchanging_makes_all_servers_the_same(
        one in prop::collection::vec(any_claim(), 0..12),
        two in prop::collection::vec(any_claim(), 0..12),
        three in prop::collection::vec(any_claim(), 0..12),
    ) {
        let mut servers = [one, two, three].map(|claims| register_of(&claims));
        for _ in 0..2 {
            for (to, from) in [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)] {
                servers[to] = merged(&servers[to], &servers[from]);
            }
        }
        prop_assert_eq!(servers[0].digest(), servers[1].digest());
        prop_assert_eq!(servers[1].digest(), servers[2].digest());
    }

    #[test]
    fn the_index_of_names_agrees_with_the_claims(
        claims in prop::collection::vec(any_claim(), 0..30),
    ) {
        let register = register_of(&claims);
        for name in ["a", "b", "c"] {
            let claimants = register.claims().filter(|claim| claim.name == name);
            let first = claimants
                .map(|claim| (claim.registered_at, claim.identity.user_id()))
                .min();
            prop_assert_eq!(register.holder(name), first.map(|(_, user)| user));
        }
    }

    #[test]
    fn states_of_random_bytes_never_panic(state in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut rig = Rig::new(config(&[2]));
        rig.hears(2, state.into());
    }
}
