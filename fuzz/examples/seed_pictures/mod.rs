//! Seeds of the targets that read pictures: small files of ours in each format.

use pentimento::crypto::container::{self, Rights};
use pentimento::proto::ids::UserId;
use pentimento::stego::{self, Picture, covers};

use super::{noise, prefixed, write};

/// Exif data with an orientation.
const EXIF: &[u8] = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";

pub(super) fn all() -> std::io::Result<()> {
    for (number, (width, height)) in [(8, 8), (17, 9), (33, 20)].into_iter().enumerate() {
        let picture = covers::render(number as u64, width, height, true);
        let name = |what: &str| format!("{what}{number}");
        let jpeg = stego::encode_jpeg(&picture, 30).expect("a jpeg");
        write("jpeg", &name("plain"), &prefixed(&[1], &jpeg[3..]))?;
        let exif = [&[0xe1, 0, EXIF.len() as u8 + 2], EXIF, &jpeg[2..]].concat();
        write("jpeg", &name("turned"), &prefixed(&[1], &exif))?;
        let webp = lossless(&picture);
        write("webp", &name("plain"), &prefixed(&[0], &webp))?;
        let canvas = [
            &b"VP8X\x0a\0\0\0\x08\0\0\0"[..],
            &[width as u8 - 1, 0, 0],
            &[height as u8 - 1, 0, 0],
        ];
        let exif = [&b"EXIF"[..], &(EXIF.len() as u32).to_le_bytes(), EXIF].concat();
        let rich = [&canvas.concat()[..], &webp, &exif].concat();
        write("webp", &name("rich"), &prefixed(&[0], &rich))?;
        let row = [vec![0], noise(number as u8, 24)].concat();
        let data = [&[0x22, 200, 0][..], &row.repeat(8)].concat();
        for layout in 0..5_u8 {
            let head = [layout, 0, 8, 8, number as u8 & 1];
            let text = [17, 9, 0, b'C', 0, b'n', b'o', b't', b'h', b'i', b'n', b'g'];
            let palette = [&[1, 12, 0][..], &[9; 12]].concat();
            let file = [&head[..], &palette, &text, &data].concat();
            write("png", &format!("layout{layout}-{number}"), &file)?;
        }
        let shown = [&[0, width as u8 - 1], picture.samples()].concat();
        write("previews", &name("picture"), &shown)?;
        write(
            "previews",
            &name("preview"),
            &prefixed(&[1], &stego::preview(&picture)),
        )?;
        let png = stego::encode_png(&picture).expect("a png");
        write("extract", &name("file"), &prefixed(&[0], &png))?;
        let pixels = [&[1, 3, 0, 20, 0, width as u8 - 1], picture.samples()].concat();
        write("extract", &name("pixels"), &pixels)?;
        let ours = [&[2][..], &[7; 24], &[number as u8, 9, 0, 200, 0]].concat();
        write("extract", &name("ours"), &ours)?;
    }
    // Black, so that the file is hardly larger than what it holds.
    let (width, height) = (112, 100);
    let samples = vec![0; 3 * width as usize * height as usize];
    let cover = Picture::new(width, height, samples).expect("a picture");
    let rights = Rights {
        name: "a".to_owned(),
        owner: UserId([1; 32]),
        borrower: UserId([2; 32]),
        grant: None,
        views: 1,
    };
    let sealed = container::seal(&rights, b"original", &[8; 32], &[3; 32]);
    let carrier = stego::embed(&cover, &sealed, &[4; 32]).expect("it fits");
    let png = stego::encode_png_smallest(&carrier).expect("a png");
    write("extract", "carrier", &prefixed(&[0], &png))
}

/// The chunks of a lossless WebP file.
fn lossless(picture: &Picture) -> Vec<u8> {
    let mut file = Vec::new();
    image::codecs::webp::WebPEncoder::new_lossless(&mut file)
        .encode(
            picture.samples(),
            picture.width(),
            picture.height(),
            image::ExtendedColorType::Rgb8,
        )
        .expect("a webp");
    file.split_off(12)
}
