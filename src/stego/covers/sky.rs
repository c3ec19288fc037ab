//! The sky: gradient, glow around the sun, clouds on a plane above.

use super::colour::Colour;
use super::noise::{fade, fbm, mix, noise, smooth};
use super::scene::Scene;

/// Light from the direction right : up : 1.
pub(super) fn light(scene: &Scene, right: f32, up: f32) -> Colour {
    let sky = &scene.sky;
    let length = (right * right + up * up + 1.0).sqrt();
    let [x, y, z] = [right / length, up / length, 1.0 / length];
    let towards_sun = x * sky.sun_at[0] + y * sky.sun_at[1] + z * sky.sun_at[2];
    let rise = y.max(0.0);
    let height = 1.0 - fade(rise * 5.2);
    let clear = sky.horizon.mix(sky.zenith, height) + glow(scene, towards_sun);
    if y <= 0.004 {
        return clear;
    }
    clouds(scene, clear, [x, y, z], towards_sun)
}

/// The light around the sun that the air scatters.
pub(super) fn glow(scene: &Scene, towards_sun: f32) -> Colour {
    let away = (1.0 - towards_sun).max(0.0);
    let wide = 1.0 / (1.0 + away * 9.0);
    let disc = 1.0 / (1.0 + away * away * 4.0e6);
    let near = 1.0 / (1.0 + away * 260.0);
    scene.sky.sun * (scene.sky.glow * (0.26 * wide * wide + 0.32 * near + 1.1 * disc))
}

fn clouds(scene: &Scene, clear: Colour, [x, y, z]: [f32; 3], towards_sun: f32) -> Colour {
    let (sky, seed) = (&scene.sky, scene.seed ^ 0xc10d);
    // The plane bends down far away, which keeps clouds at the horizon from shrinking to lines.
    let reach = 1.0 / (y + 0.055);
    let (u, v) = (x * reach * 1.15 + 40.0, z * reach * 1.15 + 17.0);
    let warp = noise(u * 0.9, v * 0.9, seed ^ 5) - 0.5;
    let (u, v) = (u + warp * 0.9, v + warp * 0.5);
    let density = fbm(u, v, 5, seed);
    let from = 0.72 - 0.42 * sky.cover;
    let amount = smooth(from, from + 0.13, density) * smooth(0.004, 0.06, y);
    if amount <= 0.0 {
        return clear;
    }
    let [sun_x, _, sun_z] = sky.sun_at;
    let lee = fbm(u + sun_x * 0.22, v + sun_z * 0.22, 3, seed);
    let lit = (0.55 + (density - lee) * 2.6 - (density - from) * 0.9).clamp(0.0, 1.0);
    let silver = 1.0 / (1.0 + (1.0 - towards_sun) * 12.0);
    let body = sky.cloud_dark.mix(sky.cloud_light, lit) + sky.sun * (silver * sky.glow * 0.25);
    let body = body.mix(clear, mix(0.75, 0.08, smooth(0.0, 0.3, y)));
    clear.mix(body, amount * 0.93)
}
