//! The shape of the land as a function of position, and where the sun does not reach.
//!
//! Heights are a sum of noise whose smaller shapes weaken on steep ground, which looks like
//! erosion (Quilez 2008), scaled by how far the place is into the mountains; trees are cones
//! on top. Shapes smaller than a pixel at that distance are left out.

use super::noise::{hash, mix, noise, noise_slopes, smooth, turned, unit};
use super::rows::in_bands;
use super::scene::Scene;

/// Distance between two trees, metres.
const TREE_SPACING_M: f32 = 9.0;
/// Cells along each side of the shadow map.
const SHADOW_CELLS: usize = 448;
/// Side of the square the shadow map covers, metres; it begins at the camera.
const SHADOW_SIDE_M: f32 = 24_000.0;
/// Rows of the shadow map that one band computes.
const SHADOW_BAND: usize = 16;

/// Height and wood at one place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spot {
    /// Height above water, trees included, metres.
    pub(super) height_m: f32,
    /// 0 on open ground, up to 1 at the tip of a tree.
    pub(super) tree: f32,
}

/// Height at a place; `pixel_m` is the width of a pixel there, metres.
pub(super) fn spot(scene: &Scene, x: f32, z: f32, pixel_m: f32) -> Spot {
    let ground = ground_m(scene, x, z, pixel_m);
    let land = &scene.land;
    if land.woods <= 0.0
        || ground < 0.6
        || z < land.trees_from_m
        || pixel_m > 6.0
        || ground > land.tree_line_m * 1.45
    {
        return Spot {
            height_m: ground,
            tree: 0.0,
        };
    }
    let patch = noise(x / 310.0, z / 310.0, scene.seed ^ 0x51) * 0.6
        + noise(x / 83.0, z / 83.0, scene.seed ^ 0x52) * 0.4;
    let limit = land.tree_line_m * (0.55 + 0.9 * patch);
    let wooded = smooth(1.0 - land.woods, 1.12 - land.woods, patch + 0.12)
        * smooth(limit, limit * 0.8, ground);
    if wooded < 0.02 {
        return Spot {
            height_m: ground,
            tree: 0.0,
        };
    }
    let tree = tree_cone(scene, x, z, wooded);
    Spot {
        height_m: ground + tree.0,
        tree: tree.1,
    }
}

/// Height of the nearest tree at a place, metres, and how near its tip the place is.
fn tree_cone(scene: &Scene, x: f32, z: f32, wooded: f32) -> (f32, f32) {
    let (u, v) = (x / TREE_SPACING_M + 4096.0, z / TREE_SPACING_M + 4096.0);
    let (cell_x, cell_z) = ((u - 0.5) as i32, (v - 0.5) as i32);
    let mut best = (0.0, 0.0);
    for (dx, dz) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let (cx, cz) = (cell_x + dx, cell_z + dz);
        let bits = hash(cx, cz, scene.seed ^ 0x7ee);
        if unit(hash(cx, cz, scene.seed ^ 0x7ef)) > wooded {
            continue;
        }
        let at_x = cx as f32 + 0.5 + ((bits & 255) as f32 / 255.0 - 0.5) * 0.6;
        let at_z = cz as f32 + 0.5 + ((bits >> 8 & 255) as f32 / 255.0 - 0.5) * 0.6;
        let tall = 6.0 + 12.0 * ((bits >> 16 & 255) as f32 / 255.0);
        let radius_m = if scene.land.round_trees {
            4.6
        } else {
            1.3 + 0.14 * tall
        };
        let (ex, ez) = (u - at_x, v - at_z);
        let away = (ex * ex + ez * ez).sqrt() * (TREE_SPACING_M / radius_m);
        if away >= 1.0 {
            continue;
        }
        // Branches: the outline of each tree is broken up at two scales.
        let rough = noise(x * 1.3, z * 1.3, scene.seed ^ 0x7e1) * 0.5
            + noise(x * 3.7, z * 3.7, scene.seed ^ 0x7e2) * 0.3;
        let part = if scene.land.round_trees {
            (1.0 - away * away - 0.45 * rough) * 0.75
        } else {
            1.0 - away - 0.4 * rough * away
        };
        if part > 0.0 && part * tall > best.0 {
            best = (part * tall, 0.25 + 0.75 * part);
        }
    }
    best
}

/// Height of the ground without trees, metres.
fn ground_m(scene: &Scene, x: f32, z: f32, pixel_m: f32) -> f32 {
    let land = &scene.land;
    let seed = scene.seed;
    let sway = (noise(z / 1900.0, 3.5, seed ^ 0x11) - 0.5) * 0.36;
    let tangent = x / (z + 260.0) + sway;
    let back = smooth(land.back_from_m, land.back_to_m, z + x.abs() * 0.3);
    let side = smooth(land.side_from, land.side_to, tangent.abs());
    let far = smooth(120.0, 1500.0, z);
    let relief = land.plain_m + land.back_m * back * back + land.side_m * side * far;
    let eroded = eroded(
        x / land.scale_m,
        z / land.scale_m,
        pixel_m / land.scale_m,
        seed,
    );
    let lift = land.side_m * 0.14 * side * far + land.back_m * 0.05 * back;
    let bank = land.bank_m
        * smooth(
            land.bank_to_m,
            land.bank_to_m * 0.25,
            z + x * 0.25 * (1.0 + sway),
        );
    land.base_m + lift + relief * eroded + bank + tufts(x, z, pixel_m, seed)
}

/// Mountain noise from 0 to a little over 1.
fn eroded(x: f32, z: f32, pixel: f32, seed: u32) -> f32 {
    let (mut x, mut z) = (x + 57.3, z + 21.7);
    let (mut sum, mut weight, mut wavelength) = (0.0, 0.56, 1.0_f32);
    let (mut slope_x, mut slope_z) = (0.0, 0.0);
    for octave in 0..13 {
        if wavelength < pixel * 2.0 {
            break;
        }
        let (value, dx, dz) = noise_slopes(x, z, seed.wrapping_add(octave * 131));
        slope_x += dx * 0.9;
        slope_z += dz * 0.9;
        sum += weight * value / (1.0 + slope_x * slope_x + slope_z * slope_z);
        weight *= 0.5;
        wavelength *= 0.5;
        (x, z) = turned(x, z);
        (slope_x, slope_z) = (0.8 * slope_x - 0.6 * slope_z, 0.8 * slope_z + 0.6 * slope_x);
    }
    sum
}

/// Stones and grass within some hundred metres, metres.
fn tufts(x: f32, z: f32, pixel_m: f32, seed: u32) -> f32 {
    let (mut sum, mut wavelength_m) = (0.0, 1.9_f32);
    while wavelength_m > pixel_m * 3.0 && wavelength_m > 0.04 {
        let value = noise(x / wavelength_m, z / wavelength_m, seed ^ 0x33);
        sum += value * value * wavelength_m * 0.17;
        wavelength_m *= 0.46;
    }
    sum
}

/// How much of the sun reaches each part of the land, from 0 to 1.
pub(super) struct Shadows {
    light: Vec<f32>,
}

impl Shadows {
    /// Follows the light from each cell towards the sun over the bare ground.
    pub(super) fn cast(scene: &Scene) -> Self {
        let cell_m = SHADOW_SIDE_M / SHADOW_CELLS as f32;
        let place = |column: usize, row: usize| {
            (
                column as f32 * cell_m - SHADOW_SIDE_M / 2.0,
                row as f32 * cell_m,
            )
        };
        let bands = SHADOW_CELLS.div_ceil(SHADOW_BAND);
        let rows_of = |band: usize| band * SHADOW_BAND..SHADOW_CELLS.min((band + 1) * SHADOW_BAND);
        let heights: Vec<f32> = in_bands(bands, |band| {
            let cells = rows_of(band).flat_map(|row| (0..SHADOW_CELLS).map(move |c| (c, row)));
            cells
                .map(|(c, row)| place(c, row))
                .map(|(x, z)| ground_m(scene, x, z, 30.0))
                .collect()
        });
        let [sun_x, sun_y, sun_z] = scene.sky.sun_at;
        let flat = (sun_x * sun_x + sun_z * sun_z).sqrt();
        let (step_x, step_z, rise) = (sun_x / flat, sun_z / flat, sun_y / flat * cell_m);
        let lit = |column: usize, row: usize| {
            let start = heights[row * SHADOW_CELLS + column].max(0.0);
            let (mut clear, mut walked) = (1.0_f32, 1.0_f32);
            for _ in 0..40 {
                let x = column as f32 + step_x * walked;
                let z = row as f32 + step_z * walked;
                let side = (SHADOW_CELLS - 1) as f32;
                if !(0.0..side).contains(&x) || !(0.0..side).contains(&z) || clear <= 0.0 {
                    break;
                }
                let above = start + rise * walked - sample(&heights, x, z);
                clear = clear.min(0.5 + above / (walked * 9.0 + 6.0));
                walked += 1.0 + walked * 0.06;
            }
            clear.clamp(0.0, 1.0)
        };
        let light = in_bands(bands, |band| {
            let cells = rows_of(band).flat_map(|row| (0..SHADOW_CELLS).map(move |c| (c, row)));
            cells.map(|(column, row)| lit(column, row)).collect()
        });
        Self { light }
    }

    /// Light at a place; full outside the map.
    pub(super) fn at(&self, x: f32, z: f32) -> f32 {
        let cell_m = SHADOW_SIDE_M / SHADOW_CELLS as f32;
        let (u, v) = ((x + SHADOW_SIDE_M / 2.0) / cell_m, z / cell_m);
        let side = (SHADOW_CELLS - 1) as f32;
        if !(0.0..side).contains(&u) || !(0.0..side).contains(&v) {
            return 1.0;
        }
        sample(&self.light, u, v)
    }
}

/// Bilinear look-up inside the map.
fn sample(map: &[f32], u: f32, v: f32) -> f32 {
    let (column, row) = (u as usize, v as usize);
    let (fu, fv) = (u - column as f32, v - row as f32);
    let at = row * SHADOW_CELLS + column;
    let top = mix(map[at], map[at + 1], fu);
    mix(
        top,
        mix(map[at + SHADOW_CELLS], map[at + SHADOW_CELLS + 1], fu),
        fv,
    )
}
