//! Makes pictures for the detectors beside it: reads lines `MODE BYTES NUMBER COVER OUT` from
//! standard input and writes a PNG for each.
//!
//! `MODE` is `clean`, `fast`, `ternary`, `compact` or `covert`; `BYTES` how much is hidden, from a
//! keystream as a sealed container would be; `NUMBER` the seed; `COVER` a picture file, or
//! `scene:NUMBER:WIDTHxHEIGHT` for a landscape of our own.

use std::error::Error;
use std::io::stdin;

use pentimento::stego::{self, CoverId, DecodeLimits, Picture};

fn main() -> Result<(), Box<dyn Error>> {
    let mut kept = (String::new(), None);
    for line in stdin().lines() {
        let line = line?;
        let [mode, bytes, number, cover, out] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("not five words: {line}").into());
        };
        if kept.0 != cover {
            kept = (cover.to_owned(), Some(load(cover)?));
        }
        let Some(cover) = &kept.1 else { continue };
        let seed = *blake3::hash(number.as_bytes()).as_bytes();
        let mut payload = vec![0; bytes.parse()?];
        blake3::Hasher::new_keyed(&seed)
            .finalize_xof()
            .fill(&mut payload);
        std::fs::write(out, make(mode, cover, &payload, &seed)?)?;
    }
    Ok(())
}

fn make(
    mode: &str,
    cover: &Picture,
    payload: &[u8],
    seed: &[u8; 32],
) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(match mode {
        "clean" => stego::encode_png(cover)?,
        "fast" => stego::encode_png(&stego::embed(cover, payload, seed)?)?,
        "ternary" => stego::encode_png(&stego::embed_ternary(cover, payload, seed)?)?,
        "covert" => stego::encode_png(&stego::embed_covert(cover, payload, seed)?)?,
        "compact" => {
            let window = stego::deep_window(cover, payload.len());
            stego::embed_deep(&window, payload, seed)?
        }
        _ => return Err(format!("no mode {mode}").into()),
    })
}

fn load(cover: &str) -> Result<Picture, Box<dyn Error>> {
    let Some(scene) = cover.strip_prefix("scene:") else {
        return Ok(stego::decode(
            &std::fs::read(cover)?,
            &DecodeLimits::default(),
        )?);
    };
    let (number, size) = scene.split_once(':').ok_or("no size")?;
    if size == "cover" {
        let id = CoverId::from_number(number.parse()?).ok_or("no such cover")?;
        return Ok(stego::covers::render_cover(id));
    }
    let (width, height) = size.split_once('x').ok_or("no size")?;
    let (width, height) = (width.parse()?, height.parse()?);
    Ok(stego::covers::render(number.parse()?, width, height, true))
}
