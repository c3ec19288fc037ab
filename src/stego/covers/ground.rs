//! What a place on land or water looks like from the camera: cover, light, haze.

use super::colour::Colour;
use super::noise::{fade, fbm, mix, noise, smooth};
use super::scene::Scene;
use super::sky;
use super::terrain::Shadows;

/// A place on land that is seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) x: f32,
    pub(super) z: f32,
    pub(super) height_m: f32,
    /// See [`super::terrain::Spot::tree`].
    pub(super) tree: f32,
    pub(super) slope_x: f32,
    pub(super) slope_z: f32,
    /// Width of a pixel there, metres.
    pub(super) pixel_m: f32,
}

/// Light from a place on land.
pub(super) fn land(scene: &Scene, shadows: &Shadows, place: &Place) -> Colour {
    let length = (1.0 + place.slope_x * place.slope_x + place.slope_z * place.slope_z).sqrt();
    let normal = [
        -place.slope_x / length,
        1.0 / length,
        -place.slope_z / length,
    ];
    let sky = &scene.sky;
    let [a, b, c] = sky.sun_at;
    let facing = (normal[0] * a + normal[1] * b + normal[2] * c).max(0.0);
    let sun = facing * shadows.at(place.x, place.z);
    let open = 0.45 + 0.55 * normal[1];
    // Between trees little sky is seen; their tips catch more light.
    let crown = if place.tree > 0.0 {
        0.28 + 0.85 * place.tree
    } else {
        1.0
    };
    let incoming = (sky.sun * sun + sky.ambient * open) * crown;
    haze(
        scene,
        cover(scene, place, normal[1]) * incoming,
        place.x,
        place.height_m,
        place.z,
    )
}

/// Colour of what grows or lies at a place; `upright` is the upward part of the normal.
fn cover(scene: &Scene, place: &Place, upright: f32) -> Colour {
    let (ground, seed) = (&scene.ground, scene.seed ^ 0x6e0);
    let (x, z) = (place.x, place.z + place.height_m * 1.7);
    let fine_m = (place.pixel_m * 2.6).max(0.03);
    let fine = noise(x / fine_m, z / fine_m, seed) * 0.5
        + noise(x / (fine_m * 3.1), z / (fine_m * 3.1), seed ^ 1) * 0.5;
    let broad = fbm(x / 140.0, z / 140.0, 3, seed ^ 2);
    let grain = 0.62 + 0.76 * fine;
    if place.tree > 0.0 {
        let (side, up) = (place.x / fine_m.max(0.5), place.height_m / fine_m.max(0.4));
        let needles = 0.55 + 0.9 * noise(side, up, seed ^ 7);
        let stand = noise(place.x / 27.0, place.z / 27.0, seed ^ 3) * 0.6
            + noise(place.x / 9.0, place.z / 9.0, seed ^ 4) * 0.4;
        let edge = 1.0 - ground.leaf_part;
        let leaf = smooth(edge - 0.12, edge + 0.12, stand * 0.7 + broad * 0.3);
        let tree = ground.tree.mix(ground.leaf, leaf) * (grain * needles * (0.75 + 0.5 * stand));
        let rime = smooth(
            ground.snow_line_m,
            ground.snow_line_m + 260.0,
            place.height_m,
        );
        return tree.mix(
            ground.snow,
            rime * smooth(0.45, 0.8, fine * 0.7 + place.tree * 0.4),
        );
    }
    let grass = ground
        .grass
        .mix(ground.dry, smooth(0.3, 0.7, broad * 0.75 + fine * 0.25));
    let strata = noise(place.height_m / 23.0 + broad * 3.0, 0.5, seed ^ 6);
    let rock = ground.rock * (grain * (0.72 + 0.4 * strata + 0.2 * broad));
    let high = smooth(500.0, 1300.0, place.height_m + 500.0 * (broad - 0.5));
    let bare = smooth(
        0.86 + 0.1 * high,
        0.66 + 0.2 * high,
        upright + 0.16 * (fine - 0.5),
    );
    let shore = if scene.land.water {
        smooth(1.3, 0.3, place.height_m)
    } else {
        0.0
    };
    let soil = (grass * grain).mix(rock, bare.max(shore * 0.8)) * (1.0 - 0.35 * shore);
    let line = ground.snow_line_m + 420.0 * (broad - 0.5);
    let lies = smooth(line, line + 240.0, place.height_m)
        * smooth(
            0.50,
            0.74,
            upright + 0.2 * (broad - 0.5) + 0.14 * (fine - 0.5),
        );
    soil.mix(ground.snow * (0.9 + 0.12 * fine), lies * 0.96)
}

/// Takes colour away with distance and puts the colour of the air in its place.
fn haze(scene: &Scene, colour: Colour, x: f32, height_m: f32, z: f32) -> Colour {
    let sky = &scene.sky;
    let distance_m = (x * x + z * z).sqrt();
    let thin = 1.0 / (1.0 + height_m.max(0.0) / 2400.0);
    let kept = fade(distance_m / sky.haze_m * thin);
    let [a, b, c] = sky.sun_at;
    let rise = (height_m - scene.camera.height_m) * 0.5;
    let towards_sun = (x * a + rise * b + z * c) / distance_m.max(1.0);
    let air = sky.horizon.mix(sky.zenith, 0.22) * 0.86 + sky::glow(scene, towards_sun.min(0.985));
    colour * kept + air * (1.0 - kept)
}

/// How water bends what it mirrors: offsets in tangents, right and down.
pub(super) fn ripple(scene: &Scene, x: f32, z: f32, pixel_m: f32) -> (f32, f32) {
    let seed = scene.seed ^ 0x3a7e;
    let (mut along, mut across, mut wavelength_m, mut height) = (0.0, 0.0, 9.0_f32, 1.0);
    let breeze = noise(x / 160.0, z / 420.0, seed ^ 9);
    for octave in 0..5 {
        // Waves narrower than a pixel only roughen; they are left to the blur of the mirror.
        let depth_pixel_m = pixel_m * z / scene.camera.height_m;
        let seen = smooth(0.35, 1.6, wavelength_m / depth_pixel_m.max(pixel_m * 2.0));
        let (u, v) = (x / wavelength_m * 0.55, z / wavelength_m);
        along += height * (noise(u, v, seed + octave) - 0.5) * mix(0.35, 1.0, seen);
        across += height * (noise(u + 31.0, v, seed + octave) - 0.5) * seen;
        wavelength_m *= 0.43;
        height *= 0.62;
    }
    let strength = scene.ground.ripple * (0.35 + 1.1 * smooth(0.3, 0.7, breeze));
    (across * strength * 0.012, along * strength * 0.05)
}

/// Light from water that mirrors `mirrored`; `steep` is the downward part of the view.
pub(super) fn water(scene: &Scene, mirrored: Colour, x: f32, z: f32, steep: f32) -> Colour {
    let grazing = (1.0 - steep).max(0.0);
    let squared = grazing * grazing;
    let mirror = 0.06 + 0.94 * squared * squared * grazing;
    let day = scene.sky.ambient + scene.sky.sun * (0.35 * scene.sky.sun_at[1].max(0.0));
    let deep = scene.ground.water * day;
    haze(
        scene,
        deep.mix(mirrored * 0.94, mirror.min(0.92)),
        x,
        0.0,
        z,
    )
}
