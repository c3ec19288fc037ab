//! Random runs: whatever happens in whatever order, every question ends and nothing is done twice.

use super::*;

/// One step of a random run.
#[derive(Clone, Debug)]
enum Move {
    Offer(u8),
    Gallery(bool),
    Ask(u16),
    Asked {
        from: u8,
        id: u8,
        views: u32,
    },
    Decide {
        id: u8,
        views: Option<u32>,
    },
    Share(u8),
    Rule(Option<u32>),
    /// Answers the order at this place of those that wait; by chance not well.
    Answer {
        place: usize,
        well: bool,
    },
    Lose(usize),
    Pass(u64),
    Decided(bool),
}

fn any_move() -> impl Strategy<Value = Move> {
    let asked = (BOB..=CARA, 0..12_u8, 0..4_u32);
    let decide = (0..12_u8, prop::option::of(1..3_u32));
    let answer = (0..8_usize, prop::bool::weighted(0.8));
    prop_oneof![
        1 => (0..3_u8).prop_map(Move::Offer),
        1 => any::<bool>().prop_map(Move::Gallery),
        1 => (0..30_000_u16).prop_map(Move::Ask),
        2 => asked.prop_map(|(from, id, views)| Move::Asked { from, id, views }),
        1 => decide.prop_map(|(id, views)| Move::Decide { id, views }),
        1 => (BOB..=CARA).prop_map(Move::Share),
        1 => prop::option::of(0..6_u32).prop_map(Move::Rule),
        8 => answer.prop_map(|(place, well)| Move::Answer { place, well }),
        1 => (0..8_usize).prop_map(Move::Lose),
        1 => (0..40_000_u64).prop_map(Move::Pass),
        1 => any::<bool>().prop_map(Move::Decided),
    ]
}

/// A run in which nothing answers by itself.
struct Run {
    bench: Bench,
    waiting: Vec<Output>,
    finals: BTreeMap<WishId, u32>,
    /// Looks that a rule gave, by grant.
    by_rule: BTreeMap<GrantId, u32>,
    asked: Option<AskId>,
}

impl Run {
    fn new() -> Self {
        let config = Config {
            asks_max: 6,
            jobs_max: 4,
            ..config()
        };
        Self {
            bench: Bench::with(config),
            waiting: Vec::new(),
            finals: BTreeMap::new(),
            by_rule: BTreeMap::new(),
            asked: None,
        }
    }

    fn handle(&mut self, input: Input) {
        let mut out = Outbox::new();
        self.bench.sharing.handle(self.bench.now, input, &mut out);
        self.collect(out);
    }

    fn collect(&mut self, mut out: Outbox<Output>) {
        for order in out.take() {
            match order {
                Output::Report(report) => {
                    if !matches!(report.news, News::Progress(_)) {
                        *self.finals.entry(report.wish).or_default() += 1;
                    }
                }
                Output::Kept(_) => {}
                order => {
                    if let Output::Post {
                        note: Note::ImageAsk(ask),
                        ..
                    } = &order
                    {
                        self.asked = Some(ask.ask);
                    }
                    if let Output::MoreLooks { grant, views, .. } = &order {
                        *self.by_rule.entry(*grant).or_default() += views;
                    }
                    self.waiting.push(order);
                }
            }
        }
    }

    fn pass(&mut self, millis: u64) {
        let end = self
            .bench
            .now
            .after(core::time::Duration::from_millis(millis));
        while let Some(at) = self.bench.sharing.deadline().filter(|at| *at <= end) {
            self.bench.now = self.bench.now.max(at);
            let mut out = Outbox::new();
            self.bench.sharing.on_deadline(self.bench.now, &mut out);
            self.collect(out);
        }
        self.bench.now = end;
    }

    fn answer(&mut self, order: Output, well: bool) {
        let failure = || Failure::new(Reason::Busy, "not now", "");
        let input = match order {
            Output::Post { ticket, .. } => Input::Posted {
                ticket,
                how: if well { Posted::Direct } else { Posted::Queued },
            },
            Output::MoreLooks { ticket, .. } => Input::MoreLooksAnswered {
                ticket,
                added: well.then_some(Posted::Direct),
            },
            Output::Make { ticket, .. } if well => Input::Made {
                ticket,
                key: [1; 32],
                picture: Bytes::from_static(b"picture"),
                cover: None,
                timings: Timings::default(),
            },
            Output::Make { ticket, .. } => Input::NotMade {
                ticket,
                failure: failure(),
            },
            Output::OpenGrant { ticket, .. } => Input::GrantOpened {
                ticket,
                opened: if well { Ok(true) } else { Err(failure()) },
            },
            other => {
                self.bench.disk_works = well;
                match self.bench.answer(other) {
                    Some(input) => input,
                    None => return,
                }
            }
        };
        self.handle(input);
    }

    fn step(&mut self, step: Move) {
        let wish = self.bench.wish();
        let mut is_wish = true;
        let name = |user: u8| contact(user).name;
        let input = match step {
            Move::Offer(name) => Input::OfferWanted {
                wish,
                name: format!("image {name}"),
                original: Bytes::from_static(b"original"),
                keep_metadata: false,
            },
            Move::Gallery(own) => Input::GalleryWanted {
                wish,
                peer: (!own).then(|| "bob".to_owned()),
            },
            Move::Ask(wait_ms) => Input::AskWanted {
                wish,
                peer: "bob".to_owned(),
                image: ImageRef::Index(0),
                views: 1,
                remark: String::new(),
                wait_ms: wait_ms.into(),
            },
            Move::Decide { id, views } => Input::DecideWanted {
                wish,
                ask: AskId([id; 16]).hex(),
                views,
                reason: String::new(),
            },
            Move::Share(user) => Input::ShareWanted {
                wish,
                name: "image 0".to_owned(),
                original: None,
                to: name(user),
                views: 1,
                conditions: Conditions::default(),
                carrier: Carrier::default(),
                keep_metadata: false,
            },
            Move::Rule(limit) => Input::RuleWanted {
                wish,
                peer: "*".to_owned(),
                rule: limit.map(|limit| Rule {
                    previews: true,
                    asks: AskRule::Grant(limit),
                }),
            },
            other => {
                is_wish = false;
                match self.arrival(other) {
                    Some(input) => input,
                    None => return,
                }
            }
        };
        if is_wish {
            self.finals.insert(wish, 0);
        }
        self.handle(input);
    }

    fn arrival(&mut self, step: Move) -> Option<Input> {
        let (from, note) = match step {
            Move::Asked { from, id, views } => {
                let ask = ImageAsk {
                    ask: AskId([id; 16]),
                    from_name: contact(from).name,
                    image: ImageRef::Index(0),
                    views,
                    remark: String::new(),
                };
                (from, Note::ImageAsk(ask))
            }
            Move::Decided(well) => {
                let reason = String::new();
                let verdict = Verdict::Denied { reason };
                let ask = self.asked?;
                (
                    if well { BOB } else { CARA },
                    Note::Decision { ask, verdict },
                )
            }
            Move::Answer { place, well } => {
                if !self.waiting.is_empty() {
                    let order = self.waiting.remove(place % self.waiting.len());
                    self.answer(order, well);
                }
                return None;
            }
            Move::Lose(place) => {
                if !self.waiting.is_empty() {
                    self.waiting.remove(place % self.waiting.len());
                }
                return None;
            }
            Move::Pass(millis) => {
                self.pass(millis);
                return None;
            }
            _ => return None,
        };
        Some(Input::NoteArrived {
            letter: LetterId([0; 16]),
            from: identity(from),
            posted_at: WallTime(0),
            note,
        })
    }
}

proptest! {
    #[test]
    fn every_wish_gets_exactly_one_final_report_whatever_is_lost(
        moves in prop::collection::vec(any_move(), 0..120),
    ) {
        let mut run = Run::new();
        for step in moves {
            run.step(step);
            prop_assert!(run.bench.sharing.jobs.len() <= 10);
            prop_assert!(run.bench.sharing.asks.len() <= 6);
        }
        run.pass(100_000_000);
        prop_assert_eq!(run.bench.sharing.deadline(), None);
        for (wish, finals) in run.finals {
            prop_assert_eq!(finals, 1, "{:?}", wish);
        }
    }

    #[test]
    fn a_rule_never_orders_more_looks_than_it_names(
        questions in prop::collection::vec((BOB..=CARA, 0..40_u8, 1..4_u32), 1..40),
        moves in prop::collection::vec(
            (0..8_usize, prop::option::weighted(0.9, Just(true))), 0..200),
    ) {
        let mut run = Run::new();
        run.bench.offer("image 0");
        run.bench.asks_rule("*", AskRule::Grant(5));
        let mut moves = moves.into_iter();
        for (from, id, views) in questions {
            run.step(Move::Asked { from, id, views });
            for (place, well) in moves.by_ref().take(5) {
                match well {
                    Some(well) => run.step(Move::Answer { place, well }),
                    None => run.step(Move::Lose(place)),
                }
            }
        }
        run.pass(1_000_000);
        for (grant, views) in run.by_rule {
            prop_assert!(views <= 5, "{:?}: {}", grant, views);
        }
    }
}
