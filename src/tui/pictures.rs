//! Paints a picture in the terminal: by kitty's, sixel or iTerm2 graphics where the terminal knows
//! them, else by half blocks. The shape is kept; it follows the area it is given.

use std::str::FromStr;
use std::time::Duration;

use crossterm::terminal::supports_keyboard_enhancement;
use image::{DynamicImage, RgbImage};
use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui_image::picker::cap_parser::QueryStdioOptions;
use ratatui_image::picker::{Picker, ProtocolType};
use ratatui_image::protocol::StatefulProtocol;
use ratatui_image::{Resize, StatefulImage};

use crate::stego::Picture;

/// How long a terminal may take to tell what it can paint. One that does not know the question is
/// silent; one at the end of a slow line needs a round trip.
const PROBE_PATIENCE: Duration = Duration::from_millis(700);

/// How pictures are painted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// As the terminal can.
    #[default]
    Auto,
    /// Kitty's graphics.
    Kitty,
    /// Sixel graphics.
    Sixel,
    /// iTerm2's inline pictures.
    Iterm,
    /// Half blocks: two pixels in a character, in every terminal with colours.
    Blocks,
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "auto" => Ok(Self::Auto),
            "kitty" => Ok(Self::Kitty),
            "sixel" => Ok(Self::Sixel),
            "iterm" => Ok(Self::Iterm),
            "blocks" => Ok(Self::Blocks),
            other => Err(format!(
                "{other:?} is none of auto, kitty, sixel, iterm, blocks"
            )),
        }
    }
}

/// Whether the terminal answers questions at all. One that does not would leave a reader behind
/// that takes the person's keys; inside tmux and screen the answer comes from another terminal,
/// or never.
fn answers() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("TMUX") && !is_set("STY") && supports_keyboard_enhancement().is_ok()
}

/// Knows how this terminal paints.
#[derive(Clone, Debug)]
pub struct Painter {
    picker: Picker,
}

impl Painter {
    /// Asks the terminal once, for less than a second. To be called before the screens take the
    /// terminal over: the answer comes in as if it were typed.
    #[must_use]
    pub fn probe(protocol: Protocol) -> Self {
        let mut picker = if protocol == Protocol::Blocks || !answers() {
            Picker::halfblocks()
        } else {
            let options = QueryStdioOptions {
                timeout: PROBE_PATIENCE,
                ..QueryStdioOptions::default()
            };
            Picker::from_query_stdio_with_options(options).unwrap_or_else(|_| Picker::halfblocks())
        };
        match protocol {
            Protocol::Auto => {}
            Protocol::Kitty => picker.set_protocol_type(ProtocolType::Kitty),
            Protocol::Sixel => picker.set_protocol_type(ProtocolType::Sixel),
            Protocol::Iterm => picker.set_protocol_type(ProtocolType::Iterm2),
            Protocol::Blocks => picker.set_protocol_type(ProtocolType::Halfblocks),
        }
        Self { picker }
    }

    /// The word for how it paints.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.picker.protocol_type() {
            ProtocolType::Halfblocks => "half blocks",
            ProtocolType::Sixel => "sixel",
            ProtocolType::Kitty => "kitty",
            ProtocolType::Iterm2 => "iTerm2",
        }
    }

    /// Makes a picture ready to paint. None if its samples are not as many as its size says.
    #[must_use]
    pub fn ready(&self, picture: Picture) -> Option<Paintable> {
        let (width, height) = (picture.width(), picture.height());
        let pixels = RgbImage::from_raw(width, height, picture.into_samples())?;
        let image = DynamicImage::ImageRgb8(pixels);
        Some(Paintable {
            protocol: self.picker.new_resize_protocol(image),
        })
    }

    /// What makes the terminal forget pictures it was sent, beside the cells they cover; empty
    /// where it keeps none.
    #[must_use]
    pub fn forget(&self) -> &'static str {
        match self.picker.protocol_type() {
            // Delete all placements and free the data.
            ProtocolType::Kitty => "\x1b_Ga=d,d=A\x1b\\",
            ProtocolType::Halfblocks | ProtocolType::Sixel | ProtocolType::Iterm2 => "",
        }
    }
}

/// A picture that can be painted again and again, at any size.
pub struct Paintable {
    protocol: StatefulProtocol,
}

impl Paintable {
    /// Paints it in the middle of an area, as large as fits.
    pub fn paint(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let size = self
            .protocol
            .size_for(Resize::Scale(None), Size::new(area.width, area.height));
        let (width, height) = (size.width.min(area.width), size.height.min(area.height));
        let middle = Rect {
            x: area.x + (area.width - width) / 2,
            y: area.y + (area.height - height) / 2,
            width,
            height,
        };
        let image = StatefulImage::default().resize(Resize::Scale(None));
        frame.render_stateful_widget(image, middle, &mut self.protocol);
    }

    /// What went wrong when it was painted last, if anything did.
    pub fn fault(&mut self) -> Option<String> {
        self.protocol
            .last_encoding_result()
            .and_then(Result::err)
            .map(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Cell;

    use super::*;

    fn painted(width: u32, height: u32, columns: u16, rows: u16) -> Vec<(u16, u16)> {
        let samples = [200, 30, 30].repeat((width * height) as usize);
        let picture = Picture::new(width, height, samples).expect("fits");
        let painter = Painter::probe(Protocol::Blocks);
        let mut ready = painter.ready(picture).expect("is ready");
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("opens");
        let drawn = terminal.draw(|frame| ready.paint(frame, frame.area()));
        let buffer = drawn.expect("draws").buffer.clone();
        assert_eq!(ready.fault(), None);
        let cells = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
        cells.filter(|at| buffer[*at] != Cell::EMPTY).collect()
    }

    #[test]
    fn the_shape_is_kept_and_the_picture_is_in_the_middle() {
        let cells = painted(400, 100, 40, 20);
        let rows: Vec<u16> = cells.iter().map(|(_, y)| *y).collect();
        let (top, bottom) = (rows.iter().min().unwrap(), rows.iter().max().unwrap());
        // Four to one, in cells twice as high as wide: 40 columns are 5 rows.
        assert!((4..=6).contains(&(bottom - top + 1)), "{top}..{bottom}");
        assert!((6..=8).contains(top), "{top}");
    }

    #[test]
    fn a_small_picture_grows_to_the_area() {
        let cells = painted(4, 4, 40, 20);
        assert!(cells.len() > 700, "{}", cells.len());
    }

    #[test]
    fn an_area_of_one_cell_does_no_harm() {
        painted(4_000, 3, 1, 1);
    }

    #[test]
    fn words_name_protocols() {
        assert_eq!("sixel".parse(), Ok(Protocol::Sixel));
        assert!("telex".parse::<Protocol>().unwrap_err().contains("blocks"));
    }
}
