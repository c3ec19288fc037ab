//! A window of its own for one look: the shape is kept, it can be resized, Esc closes it, and
//! while it is not in front it shows nothing.
//!
//! Only with the feature `window`: it needs a display.

pub mod frame;

use std::time::Duration;

use minifb::{Key, ScaleMode, Window, WindowOptions};
use thiserror::Error;

use crate::node::clock::Clock;
use crate::stego::Picture;
use crate::time::Moment;

/// Size of the window at first, in pixels.
const FIRST_SIZE: (u32, u32) = (1_200, 800);
/// Frames a second: enough to follow a hand that resizes.
const FRAME_RATE: usize = 30;

/// Why no window could be shown.
#[derive(Debug, Error)]
#[error("no window can be opened: {0}")]
pub struct WindowError(#[from] minifb::Error);

/// Shows a picture until the person closes it or `close_after` has passed since it was first seen.
/// `painted` is called once, when it was.
///
/// # Errors
/// If there is no display, before anything was painted.
pub fn show(
    picture: &Picture,
    title: &str,
    close_after: Option<Duration>,
    painted: impl FnOnce(),
) -> Result<(), WindowError> {
    let (width, height) = frame::fitted(
        picture.width(),
        picture.height(),
        FIRST_SIZE.0,
        FIRST_SIZE.1,
    );
    let options = WindowOptions {
        resize: true,
        scale_mode: ScaleMode::UpperLeft,
        ..WindowOptions::default()
    };
    let mut window = Window::new(title, width as usize, height as usize, options)?;
    window.set_target_fps(FRAME_RATE);
    let mut painted = Some(painted);
    let mut clock = Clock::start();
    let mut was_active = false;
    let mut drawn = (Vec::new(), (0, 0));
    while window.is_open() && !window.is_key_down(Key::Escape) {
        let size = window.get_size();
        if drawn.1 != size {
            drawn = (frame::frame(picture, size.0, size.1), size);
        }
        // Who turned to something else has not asked for the picture to stay in view.
        let is_active = window.is_active();
        was_active |= is_active;
        if is_active || !was_active {
            window.update_with_buffer(&drawn.0, size.0.max(1), size.1.max(1))?;
        } else {
            let blank = vec![0; drawn.0.len()];
            window.update_with_buffer(&blank, size.0.max(1), size.1.max(1))?;
        }
        if let Some(painted) = painted.take() {
            painted();
            clock = Clock::start();
        }
        let since = clock.now().since(Moment::START);
        if close_after.is_some_and(|limit| since >= limit) {
            break;
        }
    }
    Ok(())
}
