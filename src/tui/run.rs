//! The program around the screens: takes the terminal, feeds events to the model, carries out what
//! it orders, draws. The only file here that waits for anything.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;

use super::event::{Event, Order, Tag};
use super::model::Model;
use super::pictures::{Paintable, Painter, Protocol};
use super::screen::Screen;
use super::{sources, update, view};
use crate::node::clock::Clock;
use crate::proto::control::{Command, Failure, News};
use crate::proto::ids::WishId;
use crate::stego::{self, DecodeLimits};
use crate::talk::home::{CONFIG_FILE, KEY_FILE};
use crate::talk::line::Line;
use crate::talk::session::{self, OwnNode};
use crate::talk::{failures, files, newcomer};
use crate::time::WallTime;

/// Events that wait to be seen. Steps of a transfer beyond are passed over; nothing else is.
const EVENTS_MAX: usize = 4_096;
/// How often time passes for the screens.
const TICK: Duration = Duration::from_millis(250);
/// How long a lost conversation waits before it is tried again, in ticks.
const AGAIN_TICKS: u32 = 8;
/// Names that are tried for a file that must not replace another.
const NAMES_MAX: u32 = 1_000;

/// What the program is told at the start.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The person's home.
    pub home: PathBuf,
    /// The folder of the local cluster.
    pub cluster: PathBuf,
    /// How pictures are painted.
    pub protocol: Protocol,
    /// Whether colours are used.
    pub colour: bool,
}

/// Shows the screens until the person quits.
///
/// # Errors
/// If the terminal refuses or is gone, or the node of the home does not start.
pub fn run(setup: Setup) -> Result<(), Failure> {
    let painter = Painter::probe(setup.protocol);
    let has_home = setup.home.join(KEY_FILE).exists() && setup.home.join(CONFIG_FILE).exists();
    let mut talk = Talk::default();
    if has_home {
        talk.open(&setup.home)?;
    }
    let screen = Screen::enter().map_err(|error| no_terminal(&error))?;
    let mut desk = Desk::new(setup, painter, screen, talk).map_err(|error| no_terminal(&error))?;
    let ended = desk.serve(has_home).map_err(|error| no_terminal(&error));
    let Desk { screen, talk, .. } = desk;
    // The terminal first: what the node does last takes a moment.
    drop(screen);
    talk.close();
    ended
}

fn no_terminal(error: &io::Error) -> Failure {
    failures::usage(
        format!("the terminal cannot be used: {error}"),
        "run it in a terminal, or use the other commands: `pentimento --help`",
    )
}

/// The conversation with the node, and the node if it is ours.
#[derive(Default)]
struct Talk {
    line: Option<Line>,
    own: Option<OwnNode>,
}

impl Talk {
    fn open(&mut self, home: &Path) -> Result<(), Failure> {
        if let Some(own) = session::start(home)? {
            self.own = Some(own);
        }
        let line = Line::connect(home).map_err(|error| {
            failures::unreachable(
                format!("the client does not answer: {error}"),
                "start it with `pentimento run`",
            )
        })?;
        self.line = Some(line);
        Ok(())
    }

    fn is_lost(&self) -> bool {
        self.line.as_ref().is_none_or(|line| !line.is_open())
    }

    fn close(self) {
        drop(self.line);
        if let Some(own) = self.own {
            own.stop();
        }
    }
}

/// Everything that the loop holds.
struct Desk {
    setup: Setup,
    painter: Painter,
    screen: Screen,
    talk: Talk,
    clock: Clock,
    events: Receiver<Event>,
    told: SyncSender<Event>,
    picture: Option<Paintable>,
    /// Whether the picture was on the screen at least once.
    is_painted: bool,
    /// Wishes that are open, by the screens' names for them.
    open: Vec<(Tag, WishId)>,
    is_over: bool,
}

impl Desk {
    fn new(setup: Setup, painter: Painter, screen: Screen, talk: Talk) -> io::Result<Self> {
        let (told, events) = sync_channel(EVENTS_MAX);
        sources::keys(told.clone())?;
        sources::signals(told.clone())?;
        sources::cluster(setup.cluster.clone(), told.clone())?;
        Ok(Self {
            setup,
            painter,
            screen,
            talk,
            clock: Clock::start(),
            events,
            told,
            picture: None,
            is_painted: false,
            open: Vec::new(),
            is_over: false,
        })
    }

    fn now(&self) -> WallTime {
        self.clock.calendar().at(self.clock.now())
    }

    fn serve(&mut self, has_home: bool) -> io::Result<()> {
        let size = self.screen.size()?;
        let (mut model, orders) = Model::new(has_home, self.setup.colour, size, self.now());
        self.carry_out(&mut model, orders)?;
        let mut lost_ticks = 0;
        let mut ticked_at = self.now();
        while !self.is_over {
            self.draw(&mut model)?;
            match self.events.recv_timeout(TICK) {
                Ok(event) => self.happen(&mut model, event)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            // Time passes also while other events keep coming.
            let now = self.now();
            if u128::from(now.0.saturating_sub(ticked_at.0)) >= TICK.as_millis() {
                ticked_at = now;
                self.mend(&mut model, &mut lost_ticks)?;
                self.happen(&mut model, Event::Tick)?;
            }
            // What came meanwhile needs no frame of its own.
            while let Ok(event) = self.events.try_recv() {
                self.happen(&mut model, event)?;
            }
        }
        Ok(())
    }

    fn happen(&mut self, model: &mut Model, event: Event) -> io::Result<()> {
        if let Event::Told(tag, News::Done(_) | News::Failed(_)) = &event {
            self.open.retain(|(open, _)| open != tag);
        }
        let orders = update::update(model, self.now(), event);
        self.carry_out(model, orders)
    }

    /// Opens a lost conversation again, now and then.
    fn mend(&mut self, model: &mut Model, lost_ticks: &mut u32) -> io::Result<()> {
        let has_home = self.setup.home.join(KEY_FILE).exists();
        if !has_home || !self.talk.is_lost() {
            *lost_ticks = 0;
            return Ok(());
        }
        *lost_ticks += 1;
        if *lost_ticks == 1 {
            return self.happen(model, Event::Connected(false));
        }
        if (*lost_ticks).is_multiple_of(AGAIN_TICKS) && self.talk.open(&self.setup.home).is_ok() {
            *lost_ticks = 0;
            return self.happen(model, Event::Connected(true));
        }
        Ok(())
    }

    fn draw(&mut self, model: &mut Model) -> io::Result<()> {
        let (picture, mut is_shown) = (&mut self.picture, false);
        self.screen.draw(|frame| {
            let area = view::draw(frame, model);
            if let (Some(area), Some(picture)) = (area, picture.as_mut()) {
                picture.paint(frame, area);
                is_shown = true;
            }
        })?;
        if !is_shown || self.is_painted {
            return Ok(());
        }
        self.is_painted = true;
        match self.picture.as_mut().and_then(Paintable::fault) {
            None => self.happen(model, Event::Painted),
            Some(fault) => self.happen(model, Event::NotPainted(fault)),
        }
    }

    fn carry_out(&mut self, model: &mut Model, orders: Vec<Order>) -> io::Result<()> {
        for order in orders {
            match order {
                Order::Wish(tag, command) => self.wish(tag, command),
                Order::Cancel(tag) => self.cancel(tag),
                Order::Paint(original) => {
                    if let Err(why) = self.ready(&original) {
                        self.happen(model, Event::NotPainted(why))?;
                    }
                }
                Order::Wipe => {
                    self.picture = None;
                    self.is_painted = false;
                    self.screen.wipe(self.painter.forget())?;
                }
                Order::Read(tag, path) => {
                    let read = files::read(&path).map(|bytes| (path, bytes));
                    self.happen(model, Event::FileRead(tag, read))?;
                }
                Order::Write(tag, path, bytes) => {
                    let written = write_beside(&path, &bytes);
                    self.happen(model, Event::FileWritten(tag, written))?;
                }
                Order::MakeHome { name, servers } => {
                    let made = self.make_home(&name, servers.as_deref());
                    let is_made = made.is_ok();
                    self.happen(model, Event::HomeMade(made))?;
                    if is_made {
                        self.happen(model, Event::Connected(true))?;
                    }
                }
                Order::Quit => self.is_over = true,
            }
        }
        Ok(())
    }

    fn wish(&mut self, tag: Tag, command: Command) {
        let told = self.told.clone();
        let Some(line) = &self.talk.line else {
            let failure = failures::unreachable(
                "the client does not run",
                "it is started again by itself, or with `pentimento run`",
            );
            // Room is made by the loop that we are in; if there is none, nothing is lost.
            let _ = told.try_send(Event::Told(tag, News::Failed(failure)));
            return;
        };
        let id = line.wish(
            command,
            Box::new(move |news| {
                let event = |news| Event::Told(tag, news);
                match news {
                    // The next step says the same, and more.
                    News::Progress(_) => !matches!(
                        told.try_send(event(news)),
                        Err(std::sync::mpsc::TrySendError::Disconnected(_))
                    ),
                    _ => told.send(event(news)).is_ok(),
                }
            }),
        );
        self.open.push((tag, id));
    }

    fn cancel(&mut self, tag: Tag) {
        let found = self.open.iter().find(|(open, _)| *open == tag);
        if let (Some((_, id)), Some(line)) = (found, &self.talk.line) {
            // The wish itself tells how it ended.
            line.ask(Command::Cancel(*id), |_| {});
        }
    }

    fn ready(&mut self, original: &Bytes) -> Result<(), String> {
        let picture =
            stego::decode(original, &DecodeLimits::default()).map_err(|error| error.to_string())?;
        self.picture = self.painter.ready(picture);
        self.is_painted = false;
        Ok(())
    }

    fn make_home(&mut self, name: &str, servers: Option<&Path>) -> Result<(), Failure> {
        let local = self.setup.cluster.join(newcomer::SERVERS_FILE);
        newcomer::make(&self.setup.home, name, Some(servers.unwrap_or(&local)))?;
        self.talk.open(&self.setup.home)
    }
}

/// Writes a file under this name, or with a number before its ending if there is one already.
fn write_beside(path: &Path, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map(|ending| ending.to_string_lossy());
    for number in 0..NAMES_MAX {
        let target = match (number, &ending) {
            (0, _) => path.to_owned(),
            (_, Some(ending)) => path.with_file_name(format!("{stem}-{number}.{ending}")),
            (_, None) => path.with_file_name(format!("{stem}-{number}")),
        };
        match File::create_new(&target) {
            Ok(mut file) => {
                return match file.write_all(bytes).and_then(|()| file.sync_all()) {
                    Ok(()) => Ok(target),
                    Err(error) => {
                        // Half a file helps nobody.
                        let _ = std::fs::remove_file(&target);
                        Err(failures::file(&target, &error))
                    }
                };
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failures::file(&target, &error)),
        }
    }
    Err(failures::usage(
        format!("{} and many beside it are there already", path.display()),
        "choose another folder",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_never_written_over() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("cat.hidden.png");
        assert_eq!(write_beside(&path, b"1").expect("writes"), path);
        let second = write_beside(&path, b"2").expect("writes");
        assert_eq!(second, folder.path().join("cat.hidden-1.png"));
        assert_eq!(std::fs::read(&path).expect("reads"), b"1");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_with_its_name() {
        let failure = write_beside(Path::new("no/such/folder/x.png"), b"1").unwrap_err();
        assert!(failure.message.contains("no/such/folder"), "{failure:?}");
    }
}
