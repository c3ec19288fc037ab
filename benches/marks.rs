//! How often a mark is found, and how often one is found that is not there:
//! `cargo bench --bench marks [PICTURES]`, a hundred and twenty if none is said. Prints Markdown.
//!
//! The images are drawn by our own renderer, with grain, without it, and as posters, in several
//! sizes. For each one and each treatment the mark of its own key and those of other keys are
//! looked for; the same is done with the unmarked image.

use std::io::{self, Write as _};

use pentimento::stego::{
    DecodeLimits, FOUND_FROM, LIKENESS_MIN, MarkReference, Picture, Traced, covers, decode,
    encode_jpeg, mark,
};

/// Images if none is said.
const PICTURES: u32 = 120;
/// Wrong keys tried for each image and treatment.
const WRONG_KEYS: u8 = 5;

/// A name, and what it does.
type Treatment = (&'static str, fn(&Picture) -> Picture);

/// What is done to an image on its way.
const TREATMENTS: [Treatment; 8] = [
    ("nothing", |image| image.clone()),
    ("JPEG, quality 80", |image| compressed(image, 80)),
    ("JPEG, quality 50", |image| compressed(image, 50)),
    ("half the size", halved),
    ("half the size, JPEG 80", |image| {
        compressed(&halved(image), 80)
    }),
    ("2 % cut off each side", |image| cropped(image, 2)),
    ("5 % cut off each side, JPEG 80", |image| {
        compressed(&cropped(image, 5), 80)
    }),
    ("brighter, more contrast, JPEG 80", |image| {
        compressed(&brighter(image), 80)
    }),
];

fn image(number: u32) -> Picture {
    let (width, height) = [(480, 320), (640, 480), (800, 600), (320, 480)][number as usize % 4];
    let seed = u64::from(number) * 7 + 100;
    match number % 5 {
        0 => covers::render_painting(seed, width, height),
        1 => covers::render(seed, width, height, false),
        _ => covers::render(seed, width, height, true),
    }
}

fn compressed(image: &Picture, quality: u8) -> Picture {
    let file = encode_jpeg(image, quality).expect("a jpeg");
    decode(&file, &DecodeLimits::default()).expect("our own jpeg decodes")
}

fn mapped(size: (u32, u32), sample: impl Fn(usize, usize, usize) -> u8) -> Picture {
    let (width, height) = size;
    let mut samples = Vec::new();
    for y in 0..height as usize {
        for x in 0..width as usize {
            samples.extend((0..3).map(|c| sample(x, y, c)));
        }
    }
    Picture::new(width, height, samples).expect("a picture")
}

fn at(image: &Picture, x: usize, y: usize, c: usize) -> u8 {
    image.samples()[(y * image.width() as usize + x) * 3 + c]
}

fn halved(image: &Picture) -> Picture {
    let size = (image.width() / 2, image.height() / 2);
    mapped(size, |x, y, c| {
        let places = [(0, 0), (1, 0), (0, 1), (1, 1)];
        let four = places.map(|(dx, dy)| u32::from(at(image, 2 * x + dx, 2 * y + dy, c)));
        ((four.iter().sum::<u32>() + 2) / 4) as u8
    })
}

fn cropped(image: &Picture, percent: u32) -> Picture {
    let (dx, dy) = (
        image.width() * percent / 100,
        image.height() * percent / 100,
    );
    let size = (image.width() - 2 * dx, image.height() - 2 * dy);
    mapped(size, |x, y, c| {
        at(image, x + dx as usize, y + dy as usize, c)
    })
}

fn brighter(image: &Picture) -> Picture {
    let size = (image.width(), image.height());
    mapped(size, |x, y, c| {
        let sample = i32::from(at(image, x, y, c));
        ((sample - 128) * 115 / 100 + 140).clamp(0, 255) as u8
    })
}

fn psnr(a: &Picture, b: &Picture) -> f64 {
    let square = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
    let sum: f64 = a.samples().iter().zip(b.samples()).map(square).sum();
    10.0 * (255.0 * 255.0 * a.samples().len() as f64 / sum.max(1.0)).log10()
}

fn key(image: u32, number: u8) -> [u8; 32] {
    let mut key = [number; 32];
    key[..4].copy_from_slice(&image.to_le_bytes());
    key
}

#[derive(Default)]
struct Count {
    found: u32,
    weakest: Option<f32>,
    wrong: u32,
    strongest_wrong: Option<f32>,
}

fn main() -> io::Result<()> {
    let asked = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let pictures = asked.unwrap_or(PICTURES);
    let mut counts: Vec<Count> = TREATMENTS.iter().map(|_| Count::default()).collect();
    let (mut worst_psnr, mut tried) = (f64::MAX, 0);
    for number in 0..pictures {
        let original = image(number);
        let reference = MarkReference::of(&original);
        let marked = mark(&original, &key(number, 0)).expect("large enough");
        worst_psnr = worst_psnr.min(psnr(&original, &marked));
        for ((_, treat), count) in TREATMENTS.iter().zip(&mut counts) {
            let traced = Traced::new(&treat(&marked), &reference);
            let score = traced.score(&key(number, 0));
            let is_found = traced.likeness >= LIKENESS_MIN && score >= FOUND_FROM;
            count.found += u32::from(is_found);
            count.weakest = Some(count.weakest.map_or(score, |weakest| weakest.min(score)));
            let unmarked = Traced::new(&treat(&original), &reference);
            let others = (1..=WRONG_KEYS).map(|wrong| traced.score(&key(number, wrong)));
            for score in others.chain([unmarked.score(&key(number, 0))]) {
                count.wrong += u32::from(score >= FOUND_FROM);
                let strongest = count
                    .strongest_wrong
                    .map_or(score, |known| known.max(score));
                count.strongest_wrong = Some(strongest);
            }
        }
        tried += u32::from(WRONG_KEYS) + 1;
    }
    let mut out = io::stdout();
    writeln!(
        out,
        "{pictures} images, {tried} looks for marks that are not there, each treatment."
    )?;
    writeln!(
        out,
        "The faintest change: {worst_psnr:.1} dB at the least.\n"
    )?;
    writeln!(
        out,
        "| treatment | found | weakest | found wrongly | strongest wrong |"
    )?;
    writeln!(out, "|---|---|---|---|---|")?;
    for ((name, _), count) in TREATMENTS.iter().zip(&counts) {
        let Count { found, wrong, .. } = count;
        let (weakest, strongest) = (count.weakest, count.strongest_wrong);
        writeln!(
            out,
            "| {name} | {found} of {pictures} | {:.1} | {wrong} of {tried} | {:.1} |",
            weakest.unwrap_or_default(),
            strongest.unwrap_or_default(),
        )?;
    }
    Ok(())
}
