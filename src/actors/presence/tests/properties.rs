//! Whatever comes in: every question is answered once, and no key changes.

use super::*;

fn any_entry() -> impl Strategy<Value = DirectoryEntry> {
    let name = prop_oneof![
        Just(String::new()),
        Just("alice".to_owned()),
        "[a-e]",
        Just("x".repeat(65))
    ];
    (name, 1_u8..5, any::<bool>())
        .prop_map(|(name, number, online)| entry(&name, number, online.then(|| address(1))))
}

fn any_input() -> impl Strategy<Value = (u64, Input)> {
    let node = (1_u8..5).prop_map(NodeId);
    let ticket = (0_u64..4).prop_map(|number| Ticket {
        desk: Desk::Presence,
        number,
    });
    let entries = prop::collection::vec(any_entry(), 0..8);
    let parts = (node, ticket, entries, any::<bool>(), "[a-f]");
    let input = (0_u8..12, parts).prop_map(|(kind, (from, ticket, entries, more, name))| {
        let number = u8::try_from(ticket.number).unwrap_or(0) + 1;
        let wish = WishId(ticket.number);
        match kind {
            0 => Input::PeersWanted(wish),
            1 => Input::SettleWanted { wish, wait_ms: 700 },
            2 => Input::Find { ticket, name },
            3 => Input::Locate {
                ticket,
                user: user(number),
            },
            4 => Input::Met(contact(&name, number)),
            5 => Input::AckMail(vec![LetterId([1; 16]); 20]),
            6 => Input::MailWaiting {
                from,
                letters: u32::from(more),
            },
            7 => Input::Disk {
                ticket,
                answer: DiskAnswer::Written,
            },
            8 => Input::Missing(user(number)),
            // Answers get the number of an open question from the test.
            _ => Input::LookupAnswered {
                from,
                answer: LookupAnswer {
                    nonce: ticket.number,
                    entries,
                    more,
                    pass: None,
                },
            },
        }
    });
    (0_u64..400, input)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever servers and users say, each question is answered exactly once, the key of a name
    /// never changes, and we are not our own peer.
    #[test]
    fn every_question_is_answered_once_and_no_key_changes(
        inputs in prop::collection::vec(any_input(), 0..80),
    ) {
        let mut bench = Bench::new();
        let mut nonces: Vec<u64> = Vec::new();
        let mut open = BTreeSet::new();
        let mut questions = 0;
        let mut pins = BTreeMap::new();
        let last = (5_000, Input::Queue(0));
        for (wait_ms, mut input) in inputs.into_iter().chain([last]) {
            let mut orders = bench.wait(wait_ms);
            if let Input::LookupAnswered { answer, .. } = &mut input
                && let Some(nonce) = nonces.iter().rev().nth(answer.nonce as usize)
            {
                answer.nonce = *nonce;
            }
            if let Input::Find { ticket, .. } | Input::Locate { ticket, .. } = &mut input {
                questions += 1;
                ticket.number = questions;
                open.insert(*ticket);
            }
            orders.extend(bench.give(input));
            nonces.extend(lookups(&orders).iter().map(|(_, lookup)| lookup.nonce));
            for order in &orders {
                match order {
                    Output::Found { ticket, who } => {
                        prop_assert!(open.remove(ticket));
                        if let Ok(contact) = who {
                            prop_assert_ne!(contact.identity.user_id(), user(1));
                        }
                    }
                    Output::Located { ticket, .. } => {
                        prop_assert!(open.remove(ticket));
                    }
                    _ => {}
                }
            }
            for peer in bench.machine.registry.peers(None) {
                prop_assert_ne!(peer.user, user(1));
                prop_assert_eq!(*pins.entry(peer.name).or_insert(peer.user), peer.user);
            }
        }
        bench.wait(5_000);
        let quiet = bench.wait(5_000);
        prop_assert!(open.is_empty());
        prop_assert!(quiet.iter().all(|order| matches!(
            order,
            Output::Send { packet: Packet::Errand(_), .. }
        )), "only signs of presence are left");
    }
}
