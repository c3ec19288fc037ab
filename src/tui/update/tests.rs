use bytes::Bytes;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::model::{First, Message};
use super::super::view::samples as make;
use super::*;
use crate::proto::control::{Command, Lease, News, Notice, Noticed, Outcome, Progress};
use crate::proto::ids::{AskId, ViewId};
use crate::proto::lease::Change;
use crate::tui::event::Tag;
use crate::tui::model::Tab;

const NOW: WallTime = make::NOW;
const SIZE: (u16, u16) = (80, 24);

fn at_home() -> Model {
    make::full(SIZE, true)
}

fn press(model: &mut Model, code: KeyCode) -> Vec<Order> {
    update(model, NOW, Event::Key(KeyEvent::from(code)))
}

fn type_in(model: &mut Model, text: &str) -> Vec<Order> {
    let mut orders = Vec::new();
    for c in text.chars() {
        orders.extend(press(model, KeyCode::Char(c)));
    }
    orders
}

fn told(model: &mut Model, tag: Tag, outcome: Outcome) -> Vec<Order> {
    update(model, NOW, Event::Told(tag, News::Done(Box::new(outcome))))
}

fn commands(orders: &[Order]) -> Vec<(Tag, Command)> {
    let wish = |order: &Order| match order {
        Order::Wish(tag, command) => Some((*tag, command.clone())),
        _ => None,
    };
    orders.iter().filter_map(wish).collect()
}

fn ask_notice(number: u64) -> News {
    News::Noticed(Noticed {
        number,
        at: NOW,
        notice: Notice::AskArrived {
            ask: AskId([9; 16]),
            peer: "cara".into(),
            image: "desk".into(),
            views: 2,
        },
    })
}

/// Opens the first received picture up to the order to paint it.
fn open_look(model: &mut Model, show_ms: Option<u32>) -> Vec<Order> {
    press(model, KeyCode::Char('3'));
    assert!(press(model, KeyCode::Enter).is_empty());
    assert!(matches!(model.overlay, Some(Overlay::Spend(_))));
    let orders = press(model, KeyCode::Char('y'));
    let [(tag, Command::View(_))] = &commands(&orders)[..] else {
        panic!("{orders:?}");
    };
    told(model, *tag, opened(show_ms))
}

fn opened(show_ms: Option<u32>) -> Outcome {
    Outcome::Opened {
        view: ViewId([5; 16]),
        grant: make::grant(1),
        name: "beach.jpg".into(),
        original: Bytes::from_static(b"picture"),
        left_after: 1,
        show_ms,
    }
}

#[test]
fn the_first_wishes_watch_and_list() {
    let (_, orders) = Model::new(true, true, SIZE, NOW);
    let wished: Vec<Command> = commands(&orders)
        .into_iter()
        .map(|(_, wish)| wish)
        .collect();
    let expected = [
        Command::Watch(Some(0)),
        Command::Status,
        Command::Peers,
        Command::Leases,
        Command::Requests,
    ];
    assert_eq!(wished, expected);
}

#[test]
fn menu_numbers_do_what_the_menu_says_and_else_change_screens() {
    let mut model = at_home();
    for (digit, tab) in [('2', Tab::Peers), ('3', Tab::Shared), ('4', Tab::View)] {
        press(&mut model, KeyCode::Char('m'));
        press(&mut model, KeyCode::Char(digit));
        assert_eq!(model.tab, tab, "menu {digit}");
        assert!(model.overlay.is_none());
    }
    press(&mut model, KeyCode::Char('m'));
    press(&mut model, KeyCode::Char('5'));
    assert_eq!(model.tab, Tab::Requests);
    press(&mut model, KeyCode::Char('4'));
    assert_eq!(model.tab, Tab::Shared);
    press(&mut model, KeyCode::Char('m'));
    assert_eq!(press(&mut model, KeyCode::Char('6')), [Order::Quit]);
    press(&mut model, KeyCode::Char('m'));
    press(&mut model, KeyCode::Char('1'));
    let orders = {
        type_in(&mut model, "a/cats.txt");
        press(&mut model, KeyCode::Enter)
    };
    assert!(matches!(&orders[..], [Order::Read(_, path)] if path.ends_with("cats.txt")));
}

#[test]
fn a_number_that_is_none_stays_in_the_prompt_and_orders_nothing() {
    let mut model = at_home();
    press(&mut model, KeyCode::Char('5'));
    press(&mut model, KeyCode::Char('a'));
    for wrong in ["0", "x", "-1", "1000001", "3.5", "99999999999"] {
        let key = KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL);
        update(&mut model, NOW, Event::Key(key));
        type_in(&mut model, wrong);
        assert!(press(&mut model, KeyCode::Enter).is_empty(), "{wrong}");
        let prompt = model.prompt.as_ref().unwrap();
        assert_eq!(prompt.text(), wrong);
        assert!(prompt.wrong.is_some());
    }
    let key = KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL);
    update(&mut model, NOW, Event::Key(key));
    type_in(&mut model, "2");
    let orders = press(&mut model, KeyCode::Enter);
    let [(_, Command::Decide { views, .. })] = &commands(&orders)[..] else {
        panic!("{orders:?}");
    };
    assert_eq!(*views, Some(2));
}

#[test]
fn a_notice_counts_and_changes_no_text_that_is_typed() {
    let mut model = at_home();
    press(&mut model, KeyCode::Char(':'));
    type_in(&mut model, "offer ca");
    let orders = update(&mut model, NOW, Event::Told(1, ask_notice(40)));
    assert_eq!(model.prompt.as_ref().unwrap().text(), "offer ca");
    assert_eq!((model.unread, model.tab), (1, Tab::Peers));
    let wished: Vec<Command> = commands(&orders)
        .into_iter()
        .map(|(_, wish)| wish)
        .collect();
    assert!(wished.contains(&Command::Requests));
    update(&mut model, NOW, Event::Told(1, ask_notice(40)));
    assert_eq!(model.unread, 1, "a notice that is told twice counts once");
    press(&mut model, KeyCode::Esc);
    press(&mut model, KeyCode::Char('5'));
    assert_eq!(model.unread, 0);
}

#[test]
fn the_tray_keeps_as_many_notices_as_it_may() {
    let mut model = at_home();
    for number in 0..=super::super::model::TRAY_MAX as u64 {
        update(&mut model, NOW, Event::Told(1, ask_notice(100 + number)));
    }
    assert_eq!(model.tray.len(), super::super::model::TRAY_MAX);
}

#[test]
fn a_look_counts_after_it_was_painted_and_not_before() {
    let mut model = at_home();
    let orders = open_look(&mut model, None);
    assert_eq!(orders, [Order::Paint(Bytes::from_static(b"picture"))]);
    assert!(
        press(&mut model, KeyCode::Esc).is_empty(),
        "it may be on the screen"
    );
    let orders = update(&mut model, NOW, Event::Painted);
    let [(tag, Command::Shown(view))] = commands(&orders)[..] else {
        panic!("{orders:?}");
    };
    assert_eq!(view, ViewId([5; 16]));
    let counted = Outcome::Counted {
        ordinal: 2,
        left: 1,
    };
    told(&mut model, tag, counted);
    assert_eq!(press(&mut model, KeyCode::Char('x')), [Order::Wipe]);
    assert!(model.look.is_none());
}

#[test]
fn a_look_that_cannot_be_painted_is_given_back_with_the_reason() {
    let mut model = at_home();
    open_look(&mut model, None);
    let why = "no picture that this program reads".to_owned();
    let orders = update(&mut model, NOW, Event::NotPainted(why.clone()));
    assert_eq!(orders[0], Order::Wipe);
    let [(_, Command::LetGo(view))] = commands(&orders)[..] else {
        panic!("{orders:?}");
    };
    assert_eq!(view, ViewId([5; 16]));
    assert!(matches!(&model.message, Some(Message::Bad(failure)) if failure.message == why));
    assert!(model.look.is_none());
}

#[test]
fn a_look_with_a_time_closes_by_itself() {
    let mut model = at_home();
    open_look(&mut model, Some(3_000));
    update(&mut model, NOW, Event::Painted);
    let orders = update(&mut model, WallTime(NOW.0 + 2_900), Event::Tick);
    assert!(!orders.contains(&Order::Wipe));
    let orders = update(&mut model, WallTime(NOW.0 + 3_000), Event::Tick);
    assert!(orders.contains(&Order::Wipe));
    assert!(model.look.is_none());
}

#[test]
fn a_picture_is_wiped_when_the_window_is_left_and_does_not_come_back() {
    let mut model = at_home();
    open_look(&mut model, None);
    update(&mut model, NOW, Event::Painted);
    let orders = update(&mut model, NOW, Event::Focused(false));
    assert_eq!(orders, [Order::Wipe]);
    assert!(update(&mut model, NOW, Event::Focused(true)).is_empty());
    assert_eq!(model.look.as_ref().unwrap().step, Step::Blank);
    press(&mut model, KeyCode::Char(' '));
    assert!(model.look.is_none());
}

#[test]
fn a_look_that_opens_after_it_was_given_up_is_let_go() {
    let mut model = at_home();
    press(&mut model, KeyCode::Char('3'));
    press(&mut model, KeyCode::Enter);
    let orders = press(&mut model, KeyCode::Char('y'));
    let tag = commands(&orders)[0].0;
    press(&mut model, KeyCode::Esc);
    assert!(model.look.is_none());
    let orders = told(&mut model, tag, opened(None));
    assert!(matches!(commands(&orders)[..], [(_, Command::LetGo(_))]));
}

#[test]
fn a_look_is_spent_only_on_yes() {
    let mut model = at_home();
    press(&mut model, KeyCode::Char('3'));
    press(&mut model, KeyCode::Enter);
    assert!(press(&mut model, KeyCode::Char('z')).is_empty());
    assert!(model.overlay.is_some(), "another key is no answer");
    assert!(press(&mut model, KeyCode::Char('n')).is_empty());
    assert!(model.overlay.is_none() && model.look.is_none());
}

#[test]
fn a_transfer_is_cancelled_by_its_wish() {
    let mut model = at_home();
    press(&mut model, KeyCode::Char(':'));
    type_in(&mut model, "share my cat.jpg @dan 3");
    let orders = press(&mut model, KeyCode::Enter);
    let [Order::Read(tag, path)] = &orders[..] else {
        panic!("{orders:?}");
    };
    assert!(path.ends_with("my cat.jpg"));
    let read = Ok((path.clone(), Bytes::from_static(b"cat")));
    let orders = update(&mut model, NOW, Event::FileRead(*tag, read));
    let [
        (
            tag,
            Command::Share {
                to, views, name, ..
            },
        ),
    ] = &commands(&orders)[..]
    else {
        panic!("{orders:?}");
    };
    assert_eq!(
        (to.as_str(), *views, name.as_str()),
        ("dan", 3, "my cat.jpg")
    );
    let progress = Progress::Uploading {
        done_bytes: 1_121,
        total_bytes: 11_200,
    };
    update(&mut model, NOW, Event::Told(*tag, News::Progress(progress)));
    assert_eq!(model.transfer.as_ref().unwrap().chunks(), Some((2, 10)));
    press(&mut model, KeyCode::Esc);
    assert!(model.transfer.as_ref().unwrap().behind);
    assert!(
        press(&mut model, KeyCode::Char('q')).is_empty(),
        "asks before it leaves"
    );
    press(&mut model, KeyCode::Char('n'));
    press(&mut model, KeyCode::Char('t'));
    assert_eq!(press(&mut model, KeyCode::Char('c')), [Order::Cancel(*tag)]);
    assert!(model.transfer.is_none());
}

#[test]
fn a_list_is_hidden_file_after_file() {
    let mut model = at_home();
    press(&mut model, KeyCode::Char(':'));
    type_in(&mut model, "hide-list d/all.txt");
    let orders = press(&mut model, KeyCode::Enter);
    let Order::Read(tag, _) = orders[0] else {
        panic!("{orders:?}");
    };
    let list = Bytes::from_static(b"# mine\na.png\n\n b.png \n");
    let mut orders = update(
        &mut model,
        NOW,
        Event::FileRead(tag, Ok(("d/all.txt".into(), list))),
    );
    for name in ["d/a.png", "d/b.png"] {
        let [Order::Read(tag, path)] = &orders[..] else {
            panic!("{orders:?}");
        };
        assert_eq!(path.to_str(), Some(name));
        let read = Ok((path.clone(), Bytes::from_static(b"x")));
        let wishes = update(&mut model, NOW, Event::FileRead(*tag, read));
        let tag = commands(&wishes)[0].0;
        let hidden = Outcome::Hidden {
            request: crate::proto::ids::RequestId {
                boot: 1,
                counter: 1,
            },
            picture: Bytes::from_static(b"png"),
            timings: crate::proto::control::Timings::default(),
        };
        let writes = told(&mut model, tag, hidden);
        let [Order::Write(tag, path, _)] = &writes[..] else {
            panic!("{writes:?}");
        };
        assert_eq!(path.to_str(), Some(&*name.replace(".png", ".hidden.png")));
        orders = update(&mut model, NOW, Event::FileWritten(*tag, Ok(path.clone())));
    }
    assert!(orders.is_empty() && model.transfer.is_none());
}

#[test]
fn a_failed_transfer_stays_with_its_hint_until_a_key() {
    let mut model = at_home();
    press(&mut model, KeyCode::Char(':'));
    type_in(&mut model, "hide cat.jpg");
    let orders = press(&mut model, KeyCode::Enter);
    let Order::Read(tag, _) = orders[0] else {
        panic!("{orders:?}");
    };
    let failure = Failure::new(Reason::NotFound, "no such file", "look for it");
    update(&mut model, NOW, Event::FileRead(tag, Err(failure)));
    assert!(model.transfer.as_ref().unwrap().failure.is_some());
    press(&mut model, KeyCode::Char('c'));
    assert!(model.transfer.is_none());
}

#[test]
fn the_first_run_goes_from_a_name_to_words_to_samples() {
    let (mut model, orders) = Model::new(false, true, SIZE, NOW);
    assert!(orders.is_empty());
    type_in(&mut model, "al/ice");
    assert!(press(&mut model, KeyCode::Enter).is_empty());
    assert!(model.prompt.as_ref().unwrap().wrong.is_some());
    for _ in 0..4 {
        press(&mut model, KeyCode::Backspace);
    }
    type_in(&mut model, "ice");
    let name = "alice".to_owned();
    let servers = None;
    assert_eq!(
        press(&mut model, KeyCode::Enter),
        [Order::MakeHome { name, servers }]
    );
    update(&mut model, NOW, Event::HomeMade(Ok(())));
    let orders = update(&mut model, NOW, Event::Connected(true));
    let wishes = commands(&orders);
    let status = wishes.iter().find(|(_, wish)| *wish == Command::Status);
    told(
        &mut model,
        status.unwrap().0,
        Outcome::Status(make::status()),
    );
    assert!(matches!(model.first, Some(First::Words)));
    press(&mut model, KeyCode::Enter);
    let orders = press(&mut model, KeyCode::Char('y'));
    let offers = commands(&orders)
        .into_iter()
        .filter(|(_, wish)| matches!(wish, Command::Offer { .. }));
    assert_eq!(offers.count(), 2);
    assert!(model.first.is_none());
}

#[test]
fn a_home_that_cannot_be_made_asks_for_the_servers() {
    let (mut model, _) = Model::new(false, true, SIZE, NOW);
    type_in(&mut model, "alice");
    press(&mut model, KeyCode::Enter);
    let failure = Failure::new(Reason::Config, "no list of servers", "start a cluster");
    update(&mut model, NOW, Event::HomeMade(Err(failure)));
    type_in(&mut model, "s.toml");
    let orders = press(&mut model, KeyCode::Enter);
    let servers = Some("s.toml".into());
    let name = "alice".to_owned();
    assert_eq!(orders, [Order::MakeHome { name, servers }]);
}

#[test]
fn the_filter_narrows_while_it_is_typed_and_goes_with_escape() {
    let mut model = at_home();
    let all = model.rows();
    press(&mut model, KeyCode::Char('/'));
    type_in(&mut model, "CAR");
    assert_eq!(model.rows(), 1);
    assert!(all > 1);
    press(&mut model, KeyCode::Enter);
    assert!(model.prompt.is_none());
    assert_eq!(model.rows(), 1);
    press(&mut model, KeyCode::Char('q'));
    assert_eq!(model.rows(), all);
}

#[test]
fn grants_are_changed_by_one_key_and_revoked_after_a_question() {
    let mut model = at_home();
    press(&mut model, KeyCode::Char('4'));
    let first: Lease = (*model.given()[0]).clone();
    let orders = press(&mut model, KeyCode::Char('+'));
    let more = Command::Adjust {
        lease: first.grant.hex(),
        change: Change::Add(1),
    };
    assert_eq!(commands(&orders)[0].1, more);
    assert!(press(&mut model, KeyCode::Char('x')).is_empty());
    let orders = press(&mut model, KeyCode::Char('y'));
    let revoke = Command::Adjust {
        lease: first.grant.hex(),
        change: Change::Revoke,
    };
    assert_eq!(commands(&orders)[0].1, revoke);
}

#[test]
fn control_c_leaves_from_anywhere_and_gives_an_unseen_look_back() {
    let mut model = at_home();
    open_look(&mut model, None);
    let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    let orders = update(&mut model, NOW, Event::Key(key));
    assert!(matches!(commands(&orders)[..], [(_, Command::LetGo(_))]));
    assert_eq!(orders.last(), Some(&Order::Quit));
}

#[test]
fn lists_are_asked_for_again_after_a_while_but_not_twice_at_once() {
    let mut model = at_home();
    let later = WallTime(NOW.0 + REFRESH_MS);
    let orders = update(&mut model, later, Event::Tick);
    assert_eq!(commands(&orders).len(), 4);
    let later = WallTime(NOW.0 + 2 * REFRESH_MS);
    assert!(update(&mut model, later, Event::Tick).is_empty());
}
