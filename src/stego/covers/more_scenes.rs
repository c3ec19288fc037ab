//! Six more landscapes, each changed from the lake in summer or from one of the first six.

use super::colour::Colour;
use super::scene::{Camera, Scene};

impl Scene {
    /// A mountain meadow in spring.
    pub(super) fn make_meadow(&mut self) {
        self.camera = Camera {
            height_m: 84.0,
            horizon: 0.47,
            focal: 1.05,
        };
        self.land.base_m = -12.0;
        self.land.plain_m = 90.0;
        self.land.back_m = 2300.0;
        self.land.back_from_m = 1400.0;
        self.land.back_to_m = 8000.0;
        self.land.side_m = 520.0;
        self.land.scale_m = 1900.0;
        self.land.bank_m = 4.0;
        self.land.woods = 0.34;
        self.land.tree_line_m = 480.0;
        self.land.trees_from_m = 260.0;
        self.land.water = false;
        self.sky.sun = Colour([2.7, 2.4, 1.9]);
        self.sky.sun_at = [0.66, 0.62, -0.30];
        self.sky.cover = 0.5;
        self.sky.haze_m = 16_000.0;
        self.sky.exposure = 1.15;
        self.ground.grass = Colour::picked(78, 108, 46);
        self.ground.dry = Colour::picked(142, 140, 66);
        self.ground.tree = Colour::picked(38, 66, 40);
        self.ground.snow_line_m = 760.0;
    }

    /// Mist and a pink sky before sunrise.
    pub(super) fn make_dawn(&mut self) {
        self.make_dusk();
        self.camera = Camera {
            height_m: 16.0,
            horizon: 0.54,
            focal: 1.1,
        };
        self.land.bank_m = 12.0;
        self.land.back_m = 1700.0;
        self.land.side_m = 380.0;
        self.land.scale_m = 3000.0;
        self.land.woods = 0.85;
        self.sky.sun = Colour([1.5, 0.95, 0.80]);
        self.sky.sun_at = [-0.55, 0.16, 0.82];
        self.sky.ambient = Colour([0.40, 0.40, 0.52]);
        self.sky.zenith = Colour::picked(104, 124, 178);
        self.sky.horizon = Colour::picked(244, 198, 188);
        self.sky.cloud_light = Colour([1.2, 0.82, 0.78]);
        self.sky.cloud_dark = Colour([0.46, 0.42, 0.54]);
        self.sky.cover = 0.5;
        self.sky.haze_m = 4_200.0;
        self.sky.glow = 0.45;
        self.ground.ripple = 0.35;
    }

    /// Heather in bloom.
    pub(super) fn make_heath(&mut self) {
        self.camera = Camera {
            height_m: 120.0,
            horizon: 0.42,
            focal: 1.0,
        };
        self.land.base_m = -20.0;
        self.land.plain_m = 150.0;
        self.land.back_m = 820.0;
        self.land.back_from_m = 1800.0;
        self.land.side_m = 140.0;
        self.land.scale_m = 1700.0;
        self.land.bank_m = 2.0;
        self.land.woods = 0.22;
        self.land.tree_line_m = 300.0;
        self.land.trees_from_m = 300.0;
        self.land.round_trees = true;
        self.land.water = false;
        self.sky.sun = Colour([2.8, 2.2, 1.5]);
        self.sky.sun_at = [-0.80, 0.44, -0.20];
        self.sky.cover = 0.6;
        self.sky.zenith = Colour::picked(84, 122, 178);
        self.sky.horizon = Colour::picked(222, 214, 206);
        self.sky.haze_m = 11_000.0;
        self.ground.grass = Colour::picked(104, 74, 88);
        self.ground.dry = Colour::picked(122, 104, 66);
        self.ground.rock = Colour::picked(118, 108, 104);
        self.ground.tree = Colour::picked(54, 74, 40);
        self.ground.leaf = Colour::picked(84, 100, 48);
        self.ground.snow_line_m = 5_000.0;
    }

    /// A small lake among rocks, above the trees.
    pub(super) fn make_tarn(&mut self) {
        self.camera = Camera {
            height_m: 26.0,
            horizon: 0.44,
            focal: 0.9,
        };
        self.land.base_m = -30.0;
        self.land.plain_m = 46.0;
        self.land.back_m = 2700.0;
        self.land.back_from_m = 700.0;
        self.land.back_to_m = 5500.0;
        self.land.side_m = 900.0;
        self.land.side_from = 0.16;
        self.land.side_to = 0.9;
        self.land.scale_m = 2100.0;
        self.land.bank_m = 0.0;
        self.land.woods = 0.0;
        self.sky.sun = Colour([2.6, 2.3, 1.9]);
        self.sky.sun_at = [0.70, 0.55, -0.35];
        self.sky.zenith = Colour::picked(38, 88, 168);
        self.sky.horizon = Colour::picked(176, 204, 226);
        self.sky.cover = 0.35;
        self.sky.haze_m = 21_000.0;
        self.sky.exposure = 1.1;
        self.ground.grass = Colour::picked(92, 98, 62);
        self.ground.dry = Colour::picked(128, 120, 92);
        self.ground.rock = Colour::picked(128, 122, 118);
        self.ground.snow_line_m = 520.0;
        self.ground.water = Colour::picked(20, 74, 92);
        self.ground.ripple = 0.7;
    }

    /// Golden larches below fresh snow.
    pub(super) fn make_larches(&mut self) {
        self.camera = Camera {
            height_m: 60.0,
            horizon: 0.58,
            focal: 1.15,
        };
        self.land.base_m = -70.0;
        self.land.plain_m = 130.0;
        self.land.back_m = 2500.0;
        self.land.back_from_m = 1200.0;
        self.land.back_to_m = 7500.0;
        self.land.side_m = 520.0;
        self.land.scale_m = 2000.0;
        self.land.bank_m = 0.0;
        self.land.woods = 0.8;
        self.land.tree_line_m = 560.0;
        self.land.trees_from_m = 300.0;
        self.sky.sun = Colour([2.8, 2.3, 1.6]);
        self.sky.sun_at = [-0.72, 0.50, -0.35];
        self.sky.zenith = Colour::picked(50, 108, 196);
        self.sky.horizon = Colour::picked(196, 212, 226);
        self.sky.cover = 0.3;
        self.sky.haze_m = 15_000.0;
        self.ground.grass = Colour::picked(104, 98, 58);
        self.ground.dry = Colour::picked(140, 118, 70);
        self.ground.tree = Colour::picked(164, 112, 36);
        self.ground.leaf = Colour::picked(64, 84, 44);
        self.ground.leaf_part = 0.35;
        self.ground.snow_line_m = 560.0;
        self.ground.water = Colour::picked(22, 66, 84);
    }

    /// Woods after rain, one ridge behind the other.
    pub(super) fn make_ridges(&mut self) {
        self.camera = Camera {
            height_m: 260.0,
            horizon: 0.34,
            focal: 1.2,
        };
        self.land.base_m = 10.0;
        self.land.plain_m = 420.0;
        self.land.back_m = 900.0;
        self.land.back_from_m = 1500.0;
        self.land.side_m = 120.0;
        self.land.scale_m = 1400.0;
        self.land.bank_m = 0.0;
        self.land.woods = 0.95;
        self.land.tree_line_m = 1_400.0;
        self.land.trees_from_m = 300.0;
        self.land.water = false;
        self.sky.sun = Colour([2.0, 1.85, 1.5]);
        self.sky.sun_at = [0.45, 0.70, 0.45];
        self.sky.ambient = Colour([0.56, 0.62, 0.70]);
        self.sky.zenith = Colour::picked(138, 152, 168);
        self.sky.horizon = Colour::picked(214, 218, 220);
        self.sky.cloud_light = Colour([1.0, 1.0, 1.0]);
        self.sky.cloud_dark = Colour([0.46, 0.50, 0.56]);
        self.sky.cover = 0.7;
        self.sky.haze_m = 6_500.0;
        self.ground.tree = Colour::picked(48, 76, 44);
        self.ground.leaf = Colour::picked(92, 112, 52);
        self.ground.leaf_part = 0.4;
        self.ground.snow_line_m = 5_000.0;
    }
}
