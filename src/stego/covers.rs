//! Our own landscapes: the default covers, and pictures to try the program with.
//!
//! Every picture is computed from a seed, the same bit for bit on every machine and with any
//! number of threads, so that nobody has to trust where a cover comes from and the large ones
//! need not be stored. Nothing here is taken from a photograph.

mod colour;
mod develop;
mod ground;
mod more_scenes;
mod noise;
mod rows;
mod scene;
mod sky;
mod terrain;
mod view;

use super::codec::{DecodeLimits, decode};
use super::cover_id::{CoverId, CoverScene, SCENES};
use super::error::StegoError;
use super::picture::Picture;
use scene::Scene;

/// Seed of the details of each scene; the kind of landscape is its place in the list.
const SCENE_SEEDS: [u32; SCENES] = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22];

/// The files of the covers small enough to be kept, by [`CoverId::number`].
const FILES: [&[u8]; 3] = [
    include_bytes!("../../assets/covers/cover-0.png"),
    include_bytes!("../../assets/covers/cover-1.png"),
    include_bytes!("../../assets/covers/cover-2.png"),
];

/// Draws a landscape: `scene_seed` modulo 6 chooses the kind, the whole seed its details.
///
/// With `grain` the picture has the noise of a camera's sensor, as a cover should; without,
/// gradients are clean. Sides of 0 are taken as 1.
pub fn render(scene_seed: u64, width: u32, height: u32, grain: bool) -> Picture {
    let mixed = (scene_seed ^ (scene_seed >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let scene = Scene::of_kind(scene_seed % 6, (mixed >> 32) as u32);
    draw(&scene, width, height, grain)
}

/// Draws a default cover in its own size.
pub fn render_cover(cover: CoverId) -> Picture {
    let (width, height) = cover.dimensions();
    render_scene(cover.scene, width, height)
}

/// Draws the scene of default covers in any size, for instance as a thumbnail.
pub fn render_scene(scene: CoverScene, width: u32, height: u32) -> Picture {
    let kind = scene as usize;
    let scene = Scene::of_kind(kind as u64, SCENE_SEEDS[kind]);
    draw(&scene, width, height, true)
}

/// Draws a landscape as a poster of flat colours: many pixels in few bytes, so that a picture
/// of 12 megapixels can itself be hidden in a cover.
pub fn render_painting(seed: u64, width: u32, height: u32) -> Picture {
    let (width, height) = (width.max(1), height.max(1));
    let small = render(
        seed,
        width.div_ceil(4).max(8),
        height.div_ceil(4).max(8),
        false,
    );
    develop::poster(&small, width, height)
}

/// The cover from the file kept with the program; `None` for the large ones, which
/// [`render_cover`] draws.
///
/// # Errors
/// As for [`decode`], when the program was built with a damaged file.
pub fn builtin(cover: CoverId) -> Result<Option<Picture>, StegoError> {
    let Some(file) = FILES.get(usize::from(cover.number())) else {
        return Ok(None);
    };
    decode(file, &DecodeLimits::default()).map(Some)
}

fn draw(scene: &Scene, width: u32, height: u32, grain: bool) -> Picture {
    let (width, height) = (width.max(1), height.max(1));
    let columns = view::paint(scene, width as usize, height as usize);
    develop::develop(&columns, scene.seed, grain)
}

#[cfg(test)]
mod tests;
