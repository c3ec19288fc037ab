//! Hostile picture files, made from pictures of our own: the same files each time, none of them
//! kept. Shared by the tests, the bench and the seeds of the fuzz targets.

use pentimento::stego::{Picture, covers, encode_jpeg};

use self::png::{PNG, pngs};
use self::webp::{riff, riff_chunk};

mod jpeg;
mod png;
mod webp;

/// What must become of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Every decoder refuses it, with a reason.
    Refused,
    /// It is refused or shows something; its cost is bounded all the same.
    Bounded,
    /// It shows what it shows without the bomb beside its pixels.
    Shown,
}

/// A hostile file.
pub(crate) struct Case {
    /// What it is, in words.
    pub(crate) name: String,
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// What must become of it.
    pub(crate) expected: Expected,
}

/// All files.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    png::all(&mut cases);
    jpeg::all(&mut cases);
    webp::all(&mut cases);
    strangers(&mut cases);
    cases
}

fn add(cases: &mut Vec<Case>, name: impl Into<String>, bytes: Vec<u8>, expected: Expected) {
    let name = name.into();
    cases.push(Case {
        name,
        bytes,
        expected,
    });
}

fn refused(cases: &mut Vec<Case>, name: impl Into<String>, bytes: Vec<u8>) {
    add(cases, name, bytes, Expected::Refused);
}

fn bounded(cases: &mut Vec<Case>, name: impl Into<String>, bytes: Vec<u8>) {
    add(cases, name, bytes, Expected::Bounded);
}

fn shown(cases: &mut Vec<Case>, name: impl Into<String>, bytes: Vec<u8>) {
    add(cases, name, bytes, Expected::Shown);
}

fn picture() -> Picture {
    covers::render(3, 56, 40, true)
}

/// Other formats, other magics, several formats at once.
fn strangers(cases: &mut Vec<Case>) {
    let (_, file) = pngs().swap_remove(0);
    let jpeg = encode_jpeg(&picture(), 80).expect("a jpeg");
    for at in 0..PNG.len() {
        let mut bent = file.clone();
        bent[at] ^= 0x20;
        refused(
            cases,
            format!("png with byte {at} of its magic wrong"),
            bent,
        );
    }
    magics(&file, &jpeg, cases);
    let both = |first: &[u8], second: &[u8]| [first, second].concat();
    refused(cases, "png signature on a jpeg", both(PNG, &jpeg));
    refused(cases, "jpeg start on a png", both(&jpeg[..3], &file));
    refused(cases, "png in a riff", riff(std::slice::from_ref(&file)));
    let wave = riff_chunk(b"RIFF", b"WAVEfmt ");
    refused(cases, "sound in a riff", wave);
    refused(cases, "nothing", Vec::new());
    for length in [1, 2, 3, 7, 8, 11, 12] {
        refused(
            cases,
            format!("{length} bytes of a png"),
            file[..length].to_vec(),
        );
        refused(
            cases,
            format!("{length} bytes of a jpeg"),
            jpeg[..length].to_vec(),
        );
    }
    for shift in 0..8 {
        let noise = (0..4_096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> (8 + shift)) as u8);
        refused(cases, format!("noise {shift}"), noise.collect());
    }
}

/// Files of other formats, and ours beside them.
fn magics(file: &[u8], jpeg: &[u8], cases: &mut Vec<Case>) {
    let magics: [(&str, &[u8]); 14] = [
        ("gif", b"GIF89a"),
        ("bmp", b"BM\x36\0\0\0"),
        ("tiff", b"II\x2a\0"),
        ("big-endian tiff", b"MM\0\x2a"),
        ("icon", b"\0\0\x01\0"),
        ("heif", b"\0\0\0\x18ftypheic"),
        ("avif", b"\0\0\0\x18ftypavif"),
        ("jpeg xl", b"\0\0\0\x0cJXL \r\n\x87\n"),
        ("jpeg 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("qoi", b"qoif"),
        ("pdf", b"%PDF-1.7\n"),
        ("zip", b"PK\x03\x04"),
        ("page", b"<!doctype html>"),
        ("program", b"\x7fELF\x02\x01\x01\0"),
    ];
    for (name, magic) in magics {
        refused(cases, format!("{name} alone"), magic.to_vec());
        let both = [magic, file].concat();
        refused(cases, format!("{name}, then a png"), both);
        let over = [magic, &file[magic.len().min(8)..]].concat();
        refused(cases, format!("png with the magic of a {name}"), over);
        let behind = [file, magic, &[0; 100]].concat();
        shown(cases, format!("png, then a {name}"), behind);
        let behind = [jpeg, magic, &[0; 100]].concat();
        shown(cases, format!("jpeg, then a {name}"), behind);
    }
}
