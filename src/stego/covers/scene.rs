//! What is in each landscape: time of day, weather, shape of the land, colours of its cover.
//!
//! Numbers only. Lengths are metres; the camera stands at x = 0, z = 0, looks along z, and
//! water (where there is any) lies at height 0.

use super::colour::Colour;

/// One landscape.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) seed: u32,
    pub(super) camera: Camera,
    pub(super) land: Land,
    pub(super) sky: Sky,
    pub(super) ground: Ground,
}

/// Where the picture is taken from.
#[derive(Debug, Clone)]
pub(super) struct Camera {
    /// Height above water, metres.
    pub(super) height_m: f32,
    /// Row of the horizon as a part of the picture's height, from the top.
    pub(super) horizon: f32,
    /// Focal length as a part of the picture's width.
    pub(super) focal: f32,
}

/// The shape of the land.
#[derive(Debug, Clone)]
pub(super) struct Land {
    /// Height of the flat ground, below 0 for a lake, metres.
    pub(super) base_m: f32,
    /// Relief of the flat ground, metres.
    pub(super) plain_m: f32,
    /// Relief of the mountains in the back, metres, and where they begin and are full.
    pub(super) back_m: f32,
    pub(super) back_from_m: f32,
    pub(super) back_to_m: f32,
    /// Relief of the slopes at both sides, metres, and the tangents where they begin and end.
    pub(super) side_m: f32,
    pub(super) side_from: f32,
    pub(super) side_to: f32,
    /// Wavelength of the largest shapes, metres.
    pub(super) scale_m: f32,
    /// Height of the bank the camera stands on, metres, and the distance where it ends.
    pub(super) bank_m: f32,
    pub(super) bank_to_m: f32,
    /// Part of the fitting ground that is wooded, 0 to 1.
    pub(super) woods: f32,
    /// Height above which no tree grows, metres.
    pub(super) tree_line_m: f32,
    /// Distance within which no tree stands, metres.
    pub(super) trees_from_m: f32,
    /// Whether trees are round like beeches instead of pointed like spruces.
    pub(super) round_trees: bool,
    /// Whether ground below 0 is water.
    pub(super) water: bool,
}

/// Sun, air and clouds.
#[derive(Debug, Clone)]
pub(super) struct Sky {
    pub(super) zenith: Colour,
    pub(super) horizon: Colour,
    /// Light of the sun on the ground.
    pub(super) sun: Colour,
    /// Towards the sun: right, up, forward; of length 1 or nearly.
    pub(super) sun_at: [f32; 3],
    /// Light from the whole sky on the ground.
    pub(super) ambient: Colour,
    /// Part of the sky under clouds, 0 to 1.
    pub(super) cover: f32,
    pub(super) cloud_light: Colour,
    pub(super) cloud_dark: Colour,
    /// Distance at which haze takes most of a colour, metres.
    pub(super) haze_m: f32,
    /// Strength of the glow around the sun.
    pub(super) glow: f32,
    /// Exposure of the picture.
    pub(super) exposure: f32,
}

/// Colours of what covers the land.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) grass: Colour,
    pub(super) dry: Colour,
    pub(super) rock: Colour,
    pub(super) tree: Colour,
    /// A second kind of tree and the part of trees that are of it.
    pub(super) leaf: Colour,
    pub(super) leaf_part: f32,
    pub(super) snow: Colour,
    /// Height from which snow lies, metres.
    pub(super) snow_line_m: f32,
    pub(super) water: Colour,
    /// Roughness of the water: 0 is a mirror.
    pub(super) ripple: f32,
}

impl Scene {
    /// One of twelve kinds of landscape (`kind` modulo 12), its details drawn from `seed`.
    pub(super) fn of_kind(kind: u64, seed: u32) -> Self {
        let mut scene = Self::summer(seed);
        match kind % 12 {
            0 => {}
            1 => scene.make_autumn(),
            2 => scene.make_winter(),
            3 => scene.make_dusk(),
            4 => scene.make_fjord(),
            5 => scene.make_highland(),
            6 => scene.make_meadow(),
            7 => scene.make_dawn(),
            8 => scene.make_heath(),
            9 => scene.make_tarn(),
            10 => scene.make_larches(),
            _ => scene.make_ridges(),
        }
        scene
    }

    /// A lake at noon in summer: the kind all others are changed from.
    fn summer(seed: u32) -> Self {
        Self {
            seed,
            camera: Camera {
                height_m: 7.0,
                horizon: 0.50,
                focal: 1.0,
            },
            land: Land {
                base_m: -14.0,
                plain_m: 16.0,
                back_m: 2100.0,
                back_from_m: 1500.0,
                back_to_m: 9000.0,
                side_m: 420.0,
                side_from: 0.12,
                side_to: 0.75,
                scale_m: 3400.0,
                bank_m: 10.5,
                bank_to_m: 90.0,
                woods: 0.75,
                tree_line_m: 520.0,
                trees_from_m: 240.0,
                round_trees: false,
                water: true,
            },
            sky: Sky {
                zenith: Colour::picked(44, 104, 190),
                horizon: Colour::picked(182, 208, 228),
                sun: Colour([2.5, 2.3, 1.95]),
                sun_at: [-0.62, 0.62, -0.48],
                ambient: Colour([0.34, 0.45, 0.62]),
                cover: 0.45,
                cloud_light: Colour([1.7, 1.68, 1.64]),
                cloud_dark: Colour([0.55, 0.62, 0.72]),
                haze_m: 17_000.0,
                glow: 0.25,
                exposure: 1.25,
            },
            ground: Ground {
                grass: Colour::picked(72, 92, 48),
                dry: Colour::picked(116, 112, 76),
                rock: Colour::picked(122, 117, 110),
                tree: Colour::picked(44, 70, 36),
                leaf: Colour::picked(84, 112, 44),
                leaf_part: 0.3,
                snow: Colour::picked(236, 241, 248),
                snow_line_m: 900.0,
                water: Colour::picked(26, 62, 74),
                ripple: 0.5,
            },
        }
    }

    fn make_autumn(&mut self) {
        self.camera = Camera {
            height_m: 118.0,
            horizon: 0.36,
            focal: 1.1,
        };
        self.land = Land {
            base_m: -62.0,
            plain_m: 230.0,
            back_m: 760.0,
            back_from_m: 900.0,
            back_to_m: 9000.0,
            side_m: 160.0,
            side_from: 0.1,
            side_to: 0.9,
            scale_m: 1500.0,
            bank_m: 0.0,
            bank_to_m: 30.0,
            woods: 0.72,
            tree_line_m: 600.0,
            trees_from_m: 330.0,
            round_trees: true,
            water: true,
        };
        self.sky.sun = Colour([2.9, 2.3, 1.45]);
        self.sky.sun_at = [0.80, 0.42, 0.10];
        self.sky.zenith = Colour::picked(66, 120, 192);
        self.sky.horizon = Colour::picked(226, 214, 190);
        self.sky.cover = 0.4;
        self.sky.haze_m = 9_000.0;
        self.sky.cloud_light = Colour([1.6, 1.5, 1.36]);
        self.ground.grass = Colour::picked(96, 98, 56);
        self.ground.dry = Colour::picked(134, 116, 72);
        self.ground.tree = Colour::picked(136, 78, 34);
        self.ground.leaf = Colour::picked(170, 128, 48);
        self.ground.leaf_part = 0.5;
        self.ground.snow_line_m = 5_000.0;
    }

    fn make_winter(&mut self) {
        self.camera = Camera {
            height_m: 18.0,
            horizon: 0.56,
            focal: 1.15,
        };
        self.land.base_m = 4.0;
        self.land.plain_m = 12.0;
        self.land.back_m = 2500.0;
        self.land.bank_m = 6.0;
        self.land.back_from_m = 900.0;
        self.land.water = false;
        self.land.woods = 0.42;
        self.land.trees_from_m = 250.0;
        self.land.tree_line_m = 420.0;
        self.sky.sun = Colour([2.3, 1.95, 1.55]);
        self.sky.sun_at = [0.88, 0.30, 0.10];
        self.sky.ambient = Colour([0.24, 0.35, 0.60]);
        self.sky.zenith = Colour::picked(74, 136, 214);
        self.sky.horizon = Colour::picked(214, 216, 222);
        self.sky.cover = 0.25;
        self.sky.haze_m = 15_000.0;
        self.sky.exposure = 0.9;
        self.ground.tree = Colour::picked(58, 72, 62);
        self.ground.leaf = Colour::picked(96, 104, 100);
        self.ground.snow_line_m = -600.0;
    }

    pub(super) fn make_dusk(&mut self) {
        self.camera = Camera {
            height_m: 9.0,
            horizon: 0.60,
            focal: 1.25,
        };
        self.land.bank_m = 9.5;
        self.land.back_m = 1350.0;
        self.land.side_m = 300.0;
        self.land.scale_m = 2600.0;
        self.sky.sun = Colour([2.2, 1.05, 0.42]);
        self.sky.sun_at = [0.15, 0.13, 0.98];
        self.sky.ambient = Colour([0.26, 0.24, 0.36]);
        self.sky.zenith = Colour::picked(50, 66, 128);
        self.sky.horizon = Colour::picked(248, 170, 112);
        self.sky.cloud_light = Colour([1.25, 0.62, 0.36]);
        self.sky.cloud_dark = Colour([0.20, 0.17, 0.27]);
        self.sky.cover = 0.62;
        self.sky.haze_m = 14_000.0;
        self.sky.glow = 0.7;
        self.sky.exposure = 1.0;
        self.ground.snow_line_m = 5_000.0;
        self.ground.ripple = 0.8;
    }

    fn make_fjord(&mut self) {
        self.camera = Camera {
            height_m: 30.0,
            horizon: 0.52,
            focal: 0.95,
        };
        self.land.base_m = -60.0;
        self.land.plain_m = 40.0;
        self.land.side_m = 1500.0;
        self.land.side_from = 0.07;
        self.land.side_to = 0.72;
        self.land.back_m = 1500.0;
        self.land.back_from_m = 3000.0;
        self.land.back_to_m = 12_000.0;
        self.land.scale_m = 2600.0;
        self.land.bank_m = 0.0;
        self.sky.sun = Colour([1.35, 1.32, 1.25]);
        self.sky.sun_at = [-0.5, 0.72, 0.48];
        self.sky.ambient = Colour([0.55, 0.62, 0.70]);
        self.sky.zenith = Colour::picked(128, 146, 164);
        self.sky.horizon = Colour::picked(204, 212, 216);
        self.sky.cloud_light = Colour([0.92, 0.94, 0.96]);
        self.sky.cloud_dark = Colour([0.38, 0.43, 0.49]);
        self.sky.cover = 0.8;
        self.sky.haze_m = 8_500.0;
        self.ground.snow_line_m = 1_000.0;
        self.ground.water = Colour::picked(28, 84, 92);
        self.ground.ripple = 1.0;
    }

    fn make_highland(&mut self) {
        self.camera = Camera {
            height_m: 58.0,
            horizon: 0.40,
            focal: 1.05,
        };
        self.land.base_m = -16.0;
        self.land.plain_m = 105.0;
        self.land.back_m = 1700.0;
        self.land.side_m = 300.0;
        self.land.scale_m = 2400.0;
        self.land.bank_m = 0.0;
        self.land.woods = 0.4;
        self.land.tree_line_m = 260.0;
        self.land.water = true;
        self.sky.sun = Colour([3.1, 2.15, 1.2]);
        self.sky.sun_at = [-0.86, 0.36, 0.05];
        self.sky.zenith = Colour::picked(74, 112, 172);
        self.sky.horizon = Colour::picked(236, 208, 172);
        self.sky.cloud_light = Colour([1.3, 1.12, 0.92]);
        self.sky.cloud_dark = Colour([0.48, 0.46, 0.54]);
        self.sky.cover = 0.55;
        self.sky.haze_m = 15_000.0;
        self.sky.glow = 0.35;
        self.ground.grass = Colour::picked(82, 90, 50);
        self.ground.dry = Colour::picked(124, 106, 66);
        self.ground.snow_line_m = 1_150.0;
    }
}
