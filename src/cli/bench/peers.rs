//! The encoders of others, called as they are meant to be.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use super::suite::Worked;
use crate::proto::control::{Failure, Reason};
use crate::stego::Picture;

/// The fast setting of the `image` crate.
pub(super) fn image_fast(picture: &Picture) -> Worked {
    let mut file = Vec::new();
    PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive)
        .write_image(
            picture.samples(),
            picture.width(),
            picture.height(),
            ExtendedColorType::Rgb8,
        )
        .map_err(|error| broken(&error))?;
    Ok(file.len())
}

/// fdeflate behind the cheapest filter that predicts, into memory that is there.
pub(super) fn fdeflate(picture: &Picture, file: &mut Vec<u8>) -> Worked {
    file.clear();
    let mut encoder = png::Encoder::new(&mut *file, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Sub);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(picture.samples())?;
        writer.finish()
    });
    written.map_err(|error| broken(&error))?;
    Ok(file.len())
}

/// A case that did not do what it should.
pub(super) fn broken(error: &dyn std::fmt::Display) -> Failure {
    let message = format!("a case of the benchmark failed: {error}");
    Failure::new(Reason::Other, message, "report it")
}
