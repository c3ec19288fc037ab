//! Hostile JPEG files (ITU T.81).

use pentimento::stego::encode_jpeg;

use super::{Case, bounded, picture, refused};

fn jpegs() -> Vec<(String, Vec<u8>)> {
    let plain = encode_jpeg(&picture(), 80).expect("a jpeg");
    let segment = |marker: u8, body: &[u8]| {
        let length = u16::try_from(body.len() + 2).expect("short").to_be_bytes();
        [&[0xff, marker][..], &length, body].concat()
    };
    let exif = segment(0xe1, b"Exif\0\0MM\0\x2a\0\0\0\x08\0\0\0\0\0\0");
    let colour = segment(0xe2, b"ICC_PROFILE\0\x01\x02nothing");
    let comment = segment(0xfe, b"a comment");
    let rich = [&plain[..2], &exif, &colour, &comment, &plain[2..]].concat();
    vec![("plain".to_owned(), plain), ("rich".to_owned(), rich)]
}

/// Where each segment before the pixels begins, and where the pixels do.
fn segment_borders(file: &[u8]) -> Vec<usize> {
    let mut at = 2;
    let mut borders = vec![at];
    loop {
        let is_scan = file[at + 1] == 0xda;
        at += 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        borders.push(at);
        if is_scan {
            return borders;
        }
    }
}

fn jpeg_cuts(kind: &str, file: &[u8], cases: &mut Vec<Case>) {
    let borders = segment_borders(file);
    for (number, pair) in borders.windows(2).enumerate() {
        for (place, at) in [
            ("before", pair[0]),
            ("in", pair[0] + 3),
            ("late in", pair[1] - 1),
        ] {
            let name = format!("jpeg {kind}, cut {place} segment {number}");
            refused(cases, name, file[..at].to_vec());
            let name = format!("jpeg {kind}, cut {place} segment {number}, end marker put on");
            let ended = [&file[..at], &[0xff, 0xd9]].concat();
            refused(cases, name, ended);
        }
        let without = [&file[..pair[0]], &file[pair[1]..]].concat();
        let name = format!("jpeg {kind}, without segment {number}");
        bounded(cases, name, without);
        for length in [0_u16, 1, 2, 3, u16::MAX] {
            let mut bent = file.to_vec();
            bent[pair[0] + 2..pair[0] + 4].copy_from_slice(&length.to_be_bytes());
            let name = format!("jpeg {kind}, segment {number} says {length} bytes");
            bounded(cases, name, bent);
        }
    }
    let pixels = borders[borders.len() - 1];
    for part in 1..8 {
        let at = pixels + (file.len() - pixels) * part / 8;
        let name = format!("jpeg {kind}, cut in part {part} of its pixels");
        refused(cases, name, file[..at].to_vec());
    }
}

fn jpeg_headers(cases: &mut Vec<Case>) {
    let file = encode_jpeg(&picture(), 80).expect("a jpeg");
    let borders = segment_borders(&file);
    let mut starts = borders.iter().copied();
    let frame = starts.find(|&at| file[at + 1] == 0xc0).expect("a frame");
    let bent = |at: usize, bytes: &[u8]| {
        let mut bent = file.clone();
        bent[frame + at..][..bytes.len()].copy_from_slice(bytes);
        bent
    };
    for (height, width) in [
        (0_u16, 8_u16),
        (8, 0),
        (0, 0),
        (65_535, 65_535),
        (7_900, 7_900),
    ] {
        let size = [height.to_be_bytes(), width.to_be_bytes()].concat();
        let name = format!("jpeg that says it has {width} x {height} pixels");
        refused(cases, name, bent(5, &size));
        let name = format!("progressive jpeg that says it has {width} x {height} pixels");
        let mut progressive = bent(5, &size);
        progressive[frame + 1] = 0xc2;
        refused(cases, name, progressive);
    }
    for marker in [0xc1, 0xc2, 0xc3, 0xc5, 0xc9, 0xca, 0xcf] {
        let name = format!("jpeg whose frame is called {marker:x}");
        bounded(cases, name, bent(1, &[marker]));
    }
    for (what, at, byte) in [
        ("precision 12", 4, 12),
        ("no component", 9, 0),
        ("255 components", 9, 255),
        ("sampling 0", 11, 0),
        ("sampling 4 x 4", 11, 0x44),
        ("sampling 15 x 15", 11, 0xff),
        ("table 9", 12, 9),
    ] {
        bounded(cases, format!("jpeg with {what}"), bent(at, &[byte]));
    }
    bounded(cases, "progressive jpeg with 2,000 scans", many_scans());
    let filled = [&file[..2], &[0xff; 300_000], &file[2..]].concat();
    bounded(cases, "jpeg with 300,000 fill bytes", filled);
    let mut restarts = file[..borders[borders.len() - 1]].to_vec();
    restarts.extend([0xff, 0xd0].repeat(100_000));
    restarts.extend([0xff, 0xd9]);
    bounded(cases, "jpeg of restart markers only", restarts);
}

/// Eight megapixels of grey in scans of a few bytes, each of which visits every block.
fn many_scans() -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    file.extend([0xff, 0xdb, 0, 67, 0]);
    file.extend([1; 64]);
    file.extend([0xff, 0xc2, 0, 11, 8]);
    file.extend([2_000_u16.to_be_bytes(), 4_000_u16.to_be_bytes()].concat());
    file.extend([1, 1, 0x11, 0]);
    for class in [0x00, 0x10] {
        file.extend([0xff, 0xc4, 0, 20, class, 1]);
        file.extend([0; 15]);
        file.push(if class == 0 { 0 } else { 0xe0 });
    }
    file.extend([0xff, 0xda, 0, 8, 1, 1, 0x00, 0, 0, 0]);
    file.extend([0; 16_000]);
    for _ in 0..2_000 {
        file.extend([0xff, 0xda, 0, 8, 1, 1, 0x00, 1, 63, 0]);
        file.extend([0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f]);
    }
    file.extend([0xff, 0xd9]);
    file
}

pub(super) fn all(cases: &mut Vec<Case>) {
    for (name, file) in jpegs() {
        jpeg_cuts(&name, &file, cases);
    }
    jpeg_headers(cases);
}
