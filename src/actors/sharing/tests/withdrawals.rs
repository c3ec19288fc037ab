//! Questions taken back, and wishes given up.

use super::*;

const ID: AskId = AskId([1; 16]);

impl Bench {
    fn withdraw(&mut self, ask: &str) -> WishId {
        let wish = self.wish();
        let ask = ask.to_owned();
        self.give(Input::WithdrawWanted { wish, ask });
        wish
    }

    fn cancel(&mut self, target: WishId) -> WishId {
        let wish = self.wish();
        self.give(Input::CancelWanted { wish, target });
        wish
    }

    fn withdrawn_by(&mut self, from: u8, id: u8) -> LetterId {
        self.note(from, Note::Withdrawn(AskId([id; 16])))
    }

    fn withdrawals_told(&self) -> usize {
        let told = |order: &&Output| matches!(order, Output::Notice(Notice::AskWithdrawn { .. }));
        self.log.iter().filter(told).count()
    }

    fn own_state(&mut self) -> AskState {
        self.requests()[0].state.clone()
    }
}

mod ours {
    use super::*;

    #[test]
    fn a_question_is_taken_back_on_disk_and_the_owner_is_told_until_they_know() {
        let mut bench = Bench::new();
        bench.ask(0);
        let ask = bench.requests()[0].ask;
        bench.log.clear();
        let wish = bench.withdraw(&ask.hex());
        assert_eq!(bench.outcome(wish), Outcome::Withdrawn(ask));
        assert_eq!(bench.own_state(), AskState::Withdrawn);
        let (ticket, to, note) = bench.posts().pop().expect("a letter");
        assert_eq!((to, note), (identity(BOB), Note::Withdrawn(ask)));
        bench.restart();
        let again = bench.posts();
        assert_eq!(
            again[0].2,
            Note::Withdrawn(ask),
            "the courier never said it has it"
        );
        assert_eq!(again.len(), 1);
        assert_eq!(bench.own_state(), AskState::Withdrawn);
        let how = Posted::Direct;
        bench.give(Input::Posted {
            ticket: again[0].0,
            how,
        });
        bench.give(Input::Posted { ticket, how });
        bench.restart();
        assert_eq!(bench.posts(), []);
    }

    #[test]
    fn only_an_open_question_of_ours_can_be_taken_back() {
        let mut bench = Bench::new();
        bench.offer("beach");
        bench.asked_for_beach(BOB, 1, 2);
        let wish = bench.withdraw("01");
        assert_eq!(bench.reason(wish), Reason::NotFound, "a peer's");
        bench.ask(0);
        let ask = bench.requests()[1].ask.hex();
        bench.withdraw(&ask);
        let wish = bench.withdraw(&ask);
        assert_eq!(bench.reason(wish), Reason::Usage, "twice");
    }

    #[test]
    fn who_waits_for_the_answer_is_told() {
        let mut bench = Bench::new();
        let asked = bench.ask(10_000);
        let ask = bench.requests()[0].ask;
        let wish = bench.withdraw(&ask.hex());
        assert_eq!(bench.reason(asked), Reason::Cancelled);
        assert_eq!(bench.outcome(wish), Outcome::Withdrawn(ask));
        bench.pass(20_000);
        assert_eq!(bench.news(asked).len(), 1);
    }

    #[test]
    fn an_answer_holds_although_the_question_was_taken_back() {
        let mut bench = Bench::new();
        bench.ask(0);
        let ask = bench.requests()[0].ask;
        bench.withdraw(&ask.hex());
        let grant = GrantId([4; 16]);
        let verdict = Verdict::Approved { grant, views: 2 };
        let letter = bench.note(BOB, Note::Decision { ask, verdict });
        assert!(bench.is_kept(letter));
        assert_eq!(bench.own_state(), AskState::Approved(2));
        bench.restart();
        assert_eq!(bench.own_state(), AskState::Approved(2));
        assert_eq!(bench.posts(), []);
    }

    #[test]
    fn a_disk_that_refuses_leaves_the_question_open() {
        let mut bench = Bench::new();
        bench.ask(0);
        let ask = bench.requests()[0].ask;
        bench.disk_works = false;
        let wish = bench.withdraw(&ask.hex());
        assert_eq!(bench.reason(wish), Reason::Disk);
        assert_eq!(bench.own_state(), AskState::Open);
    }
}

mod theirs {
    use super::*;

    #[test]
    fn a_withdrawn_question_is_shown_so_told_once_and_cannot_be_approved() {
        let mut bench = Bench::new();
        bench.offer("beach");
        bench.asked_for_beach(BOB, 1, 2);
        for _ in 0..2 {
            let letter = bench.withdrawn_by(BOB, 1);
            assert!(bench.is_kept(letter));
        }
        assert_eq!(bench.withdrawals_told(), 1);
        bench.restart();
        assert_eq!(bench.state(1), AskState::Withdrawn);
        let wish = bench.decide("01", Some(2));
        assert_eq!(bench.reason(wish), Reason::Usage);
        assert_eq!(bench.posts(), [], "nothing is owed for it");
    }

    #[test]
    fn only_the_askers_own_note_counts() {
        let mut bench = Bench::new();
        bench.offer("beach");
        bench.asked_for_beach(BOB, 1, 2);
        let letter = bench.withdrawn_by(CARA, 1);
        assert!(bench.is_kept(letter));
        assert_eq!(bench.state(1), AskState::Open);
        assert_eq!(bench.withdrawals_told(), 0);
    }

    #[test]
    fn an_answer_that_was_first_holds() {
        let mut bench = Bench::new();
        bench.offer("beach");
        bench.asked_for_beach(BOB, 1, 2);
        bench.decide("01", Some(2));
        let early = bench.withdrawn_by(BOB, 1);
        assert!(
            !bench.is_kept(early),
            "it comes again when the answer is known"
        );
        bench.looks_added();
        let letter = bench.withdrawn_by(BOB, 1);
        assert!(bench.is_kept(letter));
        assert_eq!(bench.state(1), AskState::Approved(2));
        assert_eq!(bench.withdrawals_told(), 0);
    }

    #[test]
    fn a_withdrawal_that_overtakes_its_question_holds() {
        let mut bench = Bench::new();
        bench.offer("beach");
        let letter = bench.withdrawn_by(BOB, 1);
        assert!(bench.is_kept(letter));
        assert_eq!(bench.requests(), [], "there is nothing to show");
        bench.restart();
        let letter = bench.asked_for_beach(BOB, 1, 2);
        assert!(bench.is_kept(letter));
        assert_eq!(bench.requests(), []);
        let wish = bench.decide("01", Some(2));
        assert_eq!(bench.reason(wish), Reason::Usage);
    }

    #[test]
    fn looks_that_a_rule_set_aside_are_free_again() {
        let mut bench = Bench::new();
        bench.offer("beach");
        bench.asks_rule("bob", AskRule::Grant(2));
        bench.asked_for_beach(BOB, 1, 2);
        bench.no_such_grant();
        let (ticket, ..) = bench.making().expect("a picture is ordered");
        let failure = Failure::new(Reason::Busy, "no place", "");
        bench.give(Input::NotMade { ticket, failure });
        // Before the rule tries again.
        bench.withdrawn_by(BOB, 1);
        assert_eq!(bench.state(1), AskState::Withdrawn);
        bench.log.clear();
        bench.pass(60_000);
        assert_eq!(bench.looks_ordered(), []);
        bench.asked_for_beach(BOB, 2, 2);
        assert_eq!(bench.looks_ordered().len(), 1, "the limit has room for it");
    }

    #[test]
    fn a_disk_that_refuses_leaves_the_question_open_and_the_letter_unconfirmed() {
        let mut bench = Bench::new();
        bench.offer("beach");
        bench.asked_for_beach(BOB, 1, 2);
        bench.disk_works = false;
        let letter = bench.withdrawn_by(BOB, 1);
        assert!(!bench.is_kept(letter));
        assert_eq!(bench.state(1), AskState::Open);
    }
}

mod wishes {
    use super::*;

    #[test]
    fn a_share_can_be_given_up_while_its_picture_is_made() {
        let mut bench = Bench::new();
        let original = Some(Bytes::from_static(b"original"));
        let share = bench.share("bob", "beach", original, 2);
        let (ticket, ..) = bench.making().expect("a picture is ordered");
        let cancel = bench.cancel(share);
        assert_eq!(bench.reason(share), Reason::Cancelled);
        assert_eq!(bench.news(cancel), [], "the desk tells it");
        assert!(bench.log.contains(&Output::CancelMake(ticket)));
        bench.make();
        assert_eq!(bench.opening(), None, "the picture came too late");
        assert_eq!(bench.news(share).len(), 1, "one end");
    }

    #[test]
    fn a_share_whose_grant_is_open_cannot_be_given_up() {
        let mut bench = Bench::new();
        let original = Some(Bytes::from_static(b"original"));
        let share = bench.share("bob", "beach", original, 2);
        bench.make();
        let cancel = bench.cancel(share);
        assert_eq!(bench.reason(cancel), Reason::Usage);
        bench.opened(Ok(true));
        assert!(matches!(bench.outcome(share), Outcome::Shared { .. }));
    }

    #[test]
    fn an_approval_that_is_given_up_leaves_the_question_open() {
        let mut bench = Bench::new();
        bench.offer("beach");
        bench.asked_for_beach(BOB, 1, 2);
        let wish = bench.decide("01", Some(2));
        bench.no_such_grant();
        bench.cancel(wish);
        assert_eq!(bench.reason(wish), Reason::Cancelled);
        assert_eq!(bench.state(1), AskState::Open);
    }

    #[test]
    fn a_question_that_is_given_up_while_it_waits_is_taken_back() {
        let mut bench = Bench::new();
        let asked = bench.ask(10_000);
        bench.cancel(asked);
        assert_eq!(bench.reason(asked), Reason::Cancelled);
        assert_eq!(bench.news(asked).len(), 1);
        assert_eq!(bench.own_state(), AskState::Withdrawn);
        let mut bench = Bench::new();
        let asked = bench.ask(10_000);
        bench.disk_works = false;
        bench.cancel(asked);
        assert_eq!(bench.reason(asked), Reason::Disk);
        bench.pass(20_000);
        assert_eq!(bench.news(asked).len(), 1, "one end");
    }

    #[test]
    fn a_gallery_that_is_waited_for_can_be_given_up_and_strange_wishes_are_left_alone() {
        let mut bench = Bench::new();
        let wish = bench.wish();
        let peer = Some("bob".to_owned());
        bench.give(Input::GalleryWanted { wish, peer });
        let stranger = bench.cancel(WishId(999));
        assert_eq!(bench.news(stranger), []);
        bench.cancel(wish);
        assert_eq!(bench.reason(wish), Reason::Cancelled);
        bench.pass(bench.config.gallery_wait_ms);
        assert_eq!(bench.news(wish).len(), 1);
    }

    #[test]
    fn the_withdrawn_question_is_the_one_that_was_meant() {
        let mut bench = Bench::new();
        bench.offer("beach");
        bench.asked_for_beach(BOB, 1, 2);
        bench.asked_for_beach(BOB, 2, 1);
        bench.withdrawn_by(BOB, 1);
        assert_eq!(bench.state(1), AskState::Withdrawn);
        assert_eq!(bench.state(2), AskState::Open);
        assert_eq!(bench.requests()[0].ask, ID);
    }
}
