use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::model::errand::Errand;
use super::super::model::{First, Message, Overlay};
use super::super::update::update;
use super::samples::{NOW, cluster, full, gallery, grant, status, tray};
use super::*;
use crate::proto::control::{Failure, News, Outcome, Progress, Reason};
use crate::proto::ids::{NodeId, ViewId};
use crate::proto::lease::{LogEntry, LogEvent};
use crate::time::WallTime;
use crate::tui::event::Event;

const NORMAL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (120, 40);
const SMALL: (u16, u16) = (60, 16);

fn screen(model: &Model) -> Terminal<TestBackend> {
    let (columns, rows) = model.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal
        .draw(|frame| {
            draw(frame, model);
        })
        .unwrap();
    terminal
}

fn keys(model: &mut Model, keys: &str) {
    for c in keys.chars() {
        let code = if c == '↵' {
            KeyCode::Enter
        } else {
            KeyCode::Char(c)
        };
        update(model, NOW, Event::Key(KeyEvent::from(code)));
    }
}

/// Draws and compares with the stored screen of this name.
fn check(name: &str, model: &Model) {
    insta::with_settings!({snapshot_path => "../snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, screen(model).backend());
    });
}

fn of_bob(size: (u16, u16), colour: bool) -> Model {
    let mut model = full(size, colour);
    keys(&mut model, "↵");
    gallery(&mut model);
    model
}

fn with_tray(size: (u16, u16)) -> Model {
    let mut model = full(size, true);
    tray(&mut model);
    model.unread = 2;
    model
}

#[test]
fn every_screen_has_its_picture() {
    let model = full(NORMAL, true);
    check("peers", &model);
    check("gallery", &of_bob(NORMAL, true));
    for (key, name) in [('3', "view"), ('4', "shared"), ('6', "cluster_remote")] {
        let mut model = with_tray(NORMAL);
        keys(&mut model, &key.to_string());
        check(name, &model);
    }
    let mut model = with_tray(NORMAL);
    keys(&mut model, "5");
    check("requests", &model);
    keys(&mut model, "6");
    update(&mut model, NOW, Event::Cluster(cluster()));
    check("cluster", &model);
}

#[test]
fn screens_grow_and_shrink() {
    check("peers_large", &full(LARGE, true));
    check("gallery_large", &of_bob(LARGE, true));
    check("peers_small", &full(SMALL, true));
    check("gallery_small", &of_bob(SMALL, true));
    for (key, name) in [('4', "shared_small"), ('5', "requests_small")] {
        let mut model = with_tray(SMALL);
        keys(&mut model, &key.to_string());
        check(name, &model);
    }
    let mut model = full(SMALL, true);
    keys(&mut model, "?");
    check("help_small", &model);
    check("too_small", &full((59, 16), true));
}

#[test]
fn empty_screens_say_what_to_do() {
    let (model, _) = Model::new(true, true, NORMAL, NOW);
    check("peers_asking", &model);
    let mut model = full(NORMAL, true);
    model.leases = Some(Vec::new());
    keys(&mut model, "4");
    check("shared_empty", &model);
    keys(&mut model, "2");
    model.gallery.items = Some(Vec::new());
    check("gallery_empty", &model);
}

#[test]
fn without_colour_symbols_and_words_tell_the_same() {
    check("gallery_plain", &of_bob(NORMAL, false));
    let terminal = screen(&of_bob(NORMAL, false));
    let coloured = terminal.backend().buffer().content().iter().any(|cell| {
        cell.fg != ratatui::style::Color::Reset || cell.bg != ratatui::style::Color::Reset
    });
    assert!(!coloured);
}

#[test]
fn overlays_and_dialogs_have_their_picture() {
    for (key, name) in [("m", "menu"), ("?", "help"), ("w", "my_code")] {
        let mut model = full(NORMAL, true);
        keys(&mut model, key);
        check(name, &model);
    }
    let mut model = full(NORMAL, true);
    keys(&mut model, "3↵");
    check("spend", &model);
    let mut model = full(NORMAL, true);
    keys(&mut model, "4x");
    check("revoke", &model);
    let mut model = full(NORMAL, true);
    keys(&mut model, "4l");
    let events = [
        LogEvent::Granted { views: 3 },
        LogEvent::Received,
        LogEvent::Viewed {
            view: ViewId([1; 16]),
            ordinal: 1,
        },
    ];
    let entries = events.map(|event| (grant(5), LogEntry { at: NOW, event }));
    let tag = *model
        .errands
        .iter()
        .find(|(_, open)| **open == Errand::Log)
        .unwrap()
        .0;
    let news = News::Done(Box::new(Outcome::Ledger(entries.to_vec())));
    update(&mut model, NOW, Event::Told(tag, news));
    check("log", &model);
}

#[test]
fn prompts_and_messages_stand_below() {
    let mut model = full(NORMAL, true);
    keys(&mut model, "/car");
    check("filter", &model);
    let mut model = with_tray(NORMAL);
    keys(&mut model, "5ax↵");
    check("approve_wrong_number", &model);
    let mut model = full(NORMAL, true);
    model.message = Some(Message::Bad(Failure::new(
        Reason::Unreachable,
        "no server answered in time",
        "is the cluster up? try: pentimento up",
    )));
    check("failure", &model);
}

fn running(model: &mut Model) {
    keys(model, ":share my-photo.jpg @bob 3↵");
    let transfer = model.transfer.as_mut().unwrap();
    let node = NodeId(2);
    transfer.progress(Progress::Elected { node, epoch: 1 }, NOW);
    let uploading = |done_bytes| Progress::Uploading {
        done_bytes,
        total_bytes: 1_900_000,
    };
    transfer.progress(uploading(0), NOW);
    model.now = WallTime(NOW.0 + 2_000);
    transfer.progress(uploading(700_000), model.now);
}

#[test]
fn a_transfer_shows_how_far_it_is() {
    let mut model = full(NORMAL, true);
    running(&mut model);
    check("transfer", &model);
    model.transfer.as_mut().unwrap().behind = true;
    check("transfer_behind", &model);
    model.overlay = Some(Overlay::Quit);
    check("leave", &model);
    model.overlay = None;
    let failure = Failure::new(
        Reason::Unreachable,
        "no server answered in time",
        "is the cluster up? try: pentimento up",
    );
    model.transfer.as_mut().unwrap().fail(failure);
    check("transfer_failed", &model);
}

#[test]
fn a_look_leaves_room_for_its_picture_and_tells_what_counts() {
    let mut model = full(NORMAL, true);
    keys(&mut model, "3↵y");
    check("look_opening", &model);
    let look = model.look.as_mut().unwrap();
    look.step = super::super::model::look::Step::Shown(NOW);
    look.show_ms = Some(30_000);
    look.ordinal = Some(2);
    look.left = 1;
    model.now = WallTime(NOW.0 + 3_000);
    check("look", &model);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let mut place = None;
    terminal.draw(|frame| place = draw(frame, &model)).unwrap();
    assert_eq!(place, Some(Rect::new(1, 2, 78, 18)));
    update(&mut model, NOW, Event::Focused(false));
    check("look_blank", &model);
    terminal.draw(|frame| place = draw(frame, &model)).unwrap();
    assert_eq!(place, None);
}

#[test]
fn the_first_run_has_its_pictures() {
    let (mut model, _) = Model::new(false, true, NORMAL, NOW);
    check("first_name", &model);
    keys(&mut model, "alice↵");
    check("first_making", &model);
    let failure = Failure::new(
        Reason::Config,
        "there is no list of servers",
        "start a cluster",
    );
    update(&mut model, NOW, Event::HomeMade(Err(failure)));
    check("first_servers", &model);
    model.prompt = None;
    model.message = None;
    model.status = Some(status());
    model.first = Some(First::Words);
    check("first_words", &model);
    model.size = SMALL;
    check("first_words_small", &model);
    model.size = NORMAL;
    keys(&mut model, "↵");
    check("first_samples", &model);
}

/// Whatever the size, nothing panics.
#[test]
fn any_size_can_be_drawn() {
    let mut model = of_bob(NORMAL, true);
    running(&mut model);
    for columns in (1..130).step_by(13) {
        for rows in (1..30).step_by(4) {
            model.size = (columns, rows);
            for overlay in [None, Some(Overlay::Help), Some(Overlay::Mine)] {
                model.overlay = overlay;
                screen(&model);
            }
        }
    }
}
