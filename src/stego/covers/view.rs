//! From land to picture: walks along each column of pixels from near to far and paints what
//! rises above all that came before (the floating horizon of Wright 1973).
//!
//! The same walk from a camera as far below the water as ours is above gives, exactly, what the
//! water mirrors. Colours leave as 16-bit samples with gamma 2, column after column.

use super::colour::Colour;
use super::ground::{self, Place};
use super::noise::mix;
use super::rows::in_bands;
use super::scene::Scene;
use super::sky;
use super::terrain::{Shadows, Spot, spot};

/// Columns one band computes; even.
const BAND_COLUMNS: usize = 32;
/// Width from which only every second column is walked and the ones between are averaged.
const WALK_HALF_FROM: usize = 1800;
/// Nearest and farthest distance walked, metres.
const NEAR_M: f32 = 9.0;
const FAR_M: f32 = 26_000.0;
/// Nearest distance that water may mirror, metres: beyond the bank the camera stands on.
const MIRROR_NEAR_M: f32 = 60.0;

/// A picture of 16-bit samples, column-major: the samples of one column lie together.
pub(super) struct Columns {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) samples: Vec<[u16; 3]>,
}

/// Stands for a pixel without land; no colour is exposed to it.
const UNPAINTED: [u16; 3] = [u16::MAX; 3];

/// The land along a column and along those beside it, `apart` columns from left to right.
#[derive(Clone, Copy)]
struct Near<'a> {
    left: &'a [Spot],
    here: &'a [Spot],
    right: &'a [Spot],
    apart: usize,
}

/// The land between two columns.
fn halfway((a, b): (&Spot, &Spot)) -> Spot {
    Spot {
        height_m: (a.height_m + b.height_m) / 2.0,
        tree: (a.tree + b.tree) / 2.0,
    }
}

/// One camera over one land.
struct View<'a> {
    scene: &'a Scene,
    shadows: &'a Shadows,
    width: usize,
    height: usize,
    /// Row of the horizon.
    horizon: f32,
    /// Pixels for a tangent of 1.
    focal: f32,
    /// Height of the camera, metres; below 0 for the mirrored one.
    eye_m: f32,
    mirror: Option<&'a Columns>,
    /// Distances of the walk, metres.
    steps: Vec<f32>,
}

/// Paints the scene with `width` x `height` pixels.
pub(super) fn paint(scene: &Scene, width: usize, height: usize) -> Columns {
    let shadows = Shadows::cast(scene);
    let mirror = scene
        .land
        .water
        .then(|| paint_mirror(scene, &shadows, width, height));
    let focal = scene.camera.focal * width as f32;
    let view = View {
        scene,
        shadows: &shadows,
        width,
        height,
        horizon: scene.camera.horizon * height as f32,
        focal,
        eye_m: scene.camera.height_m,
        mirror: mirror.as_ref(),
        steps: distances(NEAR_M, 17.0 / focal),
    };
    view.paint()
}

/// What the water mirrors, upright, at half the size; its last row is the horizon.
fn paint_mirror(scene: &Scene, shadows: &Shadows, width: usize, height: usize) -> Columns {
    let (width, height) = (width.div_ceil(2), height.div_ceil(2));
    let below = height as f32 * (1.0 - scene.camera.horizon);
    let rows = (below as usize + 2).max(2);
    let focal = scene.camera.focal * width as f32;
    let view = View {
        scene,
        shadows,
        width,
        height: rows,
        horizon: rows as f32,
        focal,
        eye_m: -scene.camera.height_m,
        mirror: None,
        steps: distances(MIRROR_NEAR_M, 17.0 / focal),
    };
    view.paint()
}

/// Distances that grow by the factor `1 + growth`.
fn distances(near_m: f32, growth: f32) -> Vec<f32> {
    let growth = growth.clamp(0.002, 0.02);
    let next = |z: &f32| (*z < FAR_M).then_some(*z * (1.0 + growth));
    std::iter::successors(Some(near_m), next).collect()
}

impl View<'_> {
    fn paint(&self) -> Columns {
        let samples = in_bands(self.width.div_ceil(BAND_COLUMNS), |band| {
            self.paint_band(band)
        });
        Columns {
            width: self.width,
            height: self.height,
            samples,
        }
    }

    fn paint_band(&self, band: usize) -> Vec<[u16; 3]> {
        let first = band * BAND_COLUMNS;
        let last = self.width.min(first + BAND_COLUMNS);
        let stride = if self.width >= WALK_HALF_FROM { 2 } else { 1 };
        let mut samples = Vec::with_capacity((last - first) * self.height);
        let walk = |column: usize, ahead: f32| self.walk(column as f32 + ahead * stride as f32);
        let mut left = walk(first, -1.0);
        let mut here = walk(first, 0.0);
        for column in (first..last).step_by(stride) {
            let right = walk(column, 1.0);
            let near = Near {
                left: &left,
                here: &here,
                right: &right,
                apart: 2 * stride,
            };
            self.paint_column(column, near, &mut samples);
            if stride == 2 && column + 1 < last {
                let middle: Vec<Spot> = here.iter().zip(&right).map(halfway).collect();
                let near = Near {
                    left: &here,
                    here: &middle,
                    right: &right,
                    apart: stride,
                };
                self.paint_column(column + 1, near, &mut samples);
            }
            left = std::mem::replace(&mut here, right);
        }
        samples
    }

    fn tangent(&self, column: f32) -> f32 {
        (column + 0.5 - self.width as f32 / 2.0) / self.focal
    }

    /// The land along one column.
    fn walk(&self, column: f32) -> Vec<Spot> {
        let tangent = self.tangent(column);
        self.steps
            .iter()
            .map(|&z| spot(self.scene, tangent * z, z, z / self.focal))
            .collect()
    }

    fn paint_column(&self, column: usize, near: Near<'_>, out: &mut Vec<[u16; 3]>) {
        let start = out.len();
        out.resize(start + self.height, UNPAINTED);
        self.paint_land(self.tangent(column as f32), near, &mut out[start..]);
        for (row, sample) in out[start..].iter_mut().enumerate() {
            if *sample == UNPAINTED {
                *sample = self.sky_or_water(column, row);
            }
        }
    }

    /// Paints the rows of one column in which land is seen.
    fn paint_land(&self, tangent: f32, near: Near<'_>, rows: &mut [[u16; 3]]) {
        let floor_m = if self.scene.land.water { 0.0 } else { -1.0e6 };
        let row_of = |k: usize| {
            let rise_m = near.here[k].height_m.max(floor_m) - self.eye_m;
            self.horizon - self.focal * rise_m / self.steps[k]
        };
        let mut top = self.height as f32;
        let mut before = row_of(0).max(top);
        for k in 1..self.steps.len() {
            let row = row_of(k);
            let is_land = near.here[k].height_m > floor_m;
            // Seen from below, the bed of the lake hides nothing: the light stays above it.
            if row < top && (is_land || self.eye_m > 0.0) {
                if is_land {
                    let last = (top.ceil() as usize).min(self.height);
                    let first = row.max(0.0).ceil() as usize;
                    for (r, sample) in rows.iter_mut().enumerate().take(last).skip(first) {
                        let t = ((before - r as f32) / (before - row)).clamp(0.0, 1.0);
                        *sample = self.land(tangent, k, t, near);
                    }
                }
                top = row;
            }
            before = row;
            if top <= 0.0 {
                break;
            }
        }
    }

    /// The land between step `k - 1` (`t` = 0) and step `k` (`t` = 1).
    fn land(&self, tangent: f32, k: usize, t: f32, near: Near<'_>) -> [u16; 3] {
        let here = near.here;
        let (z0, z1) = (self.steps[k - 1], self.steps[k]);
        let z = mix(z0, z1, t);
        let pixel_m = z / self.focal;
        let between = |a: &[Spot]| mix(a[k - 1].height_m, a[k].height_m, t);
        let across = (between(near.right) - between(near.left)) / (near.apart as f32 * pixel_m);
        // Along the view the columns fan out: the slope along z at constant x is wanted.
        let along = (here[k].height_m - here[k - 1].height_m) / (z1 - z0) - tangent * across;
        let place = Place {
            x: tangent * z,
            z,
            height_m: between(here),
            tree: mix(here[k - 1].tree, here[k].tree, t),
            slope_x: across,
            slope_z: along,
            pixel_m,
        };
        expose(self.scene, ground::land(self.scene, self.shadows, &place))
    }

    /// What is behind all land in a pixel.
    fn sky_or_water(&self, column: usize, row: usize) -> [u16; 3] {
        let tangent = self.tangent(column as f32);
        let down = (row as f32 + 0.5 - self.horizon) / self.focal;
        let Some(mirror) = self.mirror.filter(|_| down > 0.0) else {
            return expose(
                self.scene,
                sky::light(self.scene, tangent, (-down).max(0.0)),
            );
        };
        let z = (self.eye_m / down).min(FAR_M);
        let x = tangent * z;
        let (right, deeper) = ground::ripple(self.scene, x, z, z / self.focal);
        let at_column = column as f32 / 2.0 + right * mirror.width as f32;
        let at_row =
            mirror.height as f32 - 1.0 - (down + deeper.max(-down * 0.9)) * self.focal / 2.0;
        let mirrored = mirror.light(self.scene, at_column, at_row);
        let steep = down / (1.0 + tangent * tangent + down * down).sqrt();
        expose(self.scene, ground::water(self.scene, mirrored, x, z, steep))
    }
}

impl Columns {
    /// Bilinear look-up, positions outside brought to the edge, as linear light.
    fn light(&self, scene: &Scene, column: f32, row: f32) -> Colour {
        let column = column.clamp(0.0, (self.width - 1) as f32);
        let row = row.clamp(0.0, (self.height - 1) as f32);
        let (c, r) = (column as usize, row as usize);
        let (c1, r1) = ((c + 1).min(self.width - 1), (r + 1).min(self.height - 1));
        let (fc, fr) = (column - c as f32, row - r as f32);
        let at = |c: usize, r: usize| Colour(self.samples[c * self.height + r].map(f32::from));
        let upper = at(c, r).mix(at(c1, r), fc);
        develop(scene, upper.mix(at(c, r1).mix(at(c1, r1), fc), fr))
    }
}

/// Light to a sample: exposure, roll-off of the highlights, gamma 2, a little contrast.
fn expose(scene: &Scene, light: Colour) -> [u16; 3] {
    light.0.map(|amount| {
        let exposed = amount.max(0.0) * scene.sky.exposure;
        let rolled = exposed * (1.0 + exposed * 0.12) / (0.75 + exposed * (0.66 + exposed * 0.12));
        let tone = rolled.min(1.0).sqrt();
        let contrasted = tone * tone * (3.0 - 2.0 * tone);
        (mix(tone, contrasted, CONTRAST) * 65_000.0) as u16
    })
}

/// Part of the contrast curve in the result.
const CONTRAST: f32 = 0.45;

/// Back from samples to light, only roughly: the curve is undone by its slope in the middle and
/// the highlights stay rolled off, which water forgives.
fn develop(scene: &Scene, samples: Colour) -> Colour {
    Colour(samples.0.map(|sample| {
        let tone = sample / 65_000.0;
        let plain = tone + CONTRAST * tone * (1.0 - tone) * (1.0 - 2.0 * tone) * 1.15;
        let rolled = plain * plain;
        rolled * 0.75 / (1.0 - 0.48 * rolled) / scene.sky.exposure
    }))
}
