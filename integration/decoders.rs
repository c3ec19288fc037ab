//! Pictures of ours as foreign decoders show them: libpng through Pillow, and Chromium. A decoder
//! that is not on this machine is skipped, which is said. (The `png` crate reads every shape in
//! the unit tests.)

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command as Program;
use std::sync::Arc;

use bytes::Bytes;
use pentimento::stego::{PreparedCover, Rendition, Scratch, covers, embed};

const CHROMIUM: &str = "/usr/bin/chromium";

/// A picture of ours as a file, and the samples that it must show.
struct Hidden {
    file: Vec<u8>,
    samples: Vec<u8>,
}

/// Sides of one, odd, of one strip and of many; filters chosen from all of the cover and quickly.
fn pictures() -> Vec<Hidden> {
    let sides = [
        (1, 1),
        (3, 1),
        (1, 300),
        (37, 53),
        (640, 427),
        (1_501, 1_001),
    ];
    let mut pictures = Vec::new();
    for (number, (width, height)) in (0..).zip(sides) {
        let cover = covers::render(number, width, height, true);
        let payload: Bytes = (0..width * height / 4)
            .map(|at| ((at * 73) >> 3) as u8)
            .collect();
        let carrier = embed(&cover, &payload, &[5; 32]).expect("it fits");
        for prepared in [
            PreparedCover::new(cover.clone()),
            PreparedCover::quickly(cover.clone()),
        ] {
            let rendition = Rendition::new(Arc::new(prepared), payload.clone(), [5; 32]);
            pictures.push(Hidden {
                file: rendition.expect("it fits").render(&mut Scratch::default()),
                samples: carrier.samples().to_vec(),
            });
        }
    }
    pictures
}

const PILLOW: &str = "
import sys
from PIL import Image
wrong = 0
for path in sys.argv[1:]:
    with Image.open(path + '.png') as shown, open(path + '.rgb', 'rb') as wanted:
        if shown.mode != 'RGB' or shown.tobytes() != wanted.read():
            print('differs:', path)
            wrong = 1
sys.exit(wrong)
";

#[test]
fn libpng_shows_the_samples_that_were_embedded() {
    let has_pillow = Program::new("python3").args(["-c", "import PIL"]).output();
    if !has_pillow.is_ok_and(|ran| ran.status.success()) {
        println!("skipped: no python3 with Pillow here, so libpng showed nothing");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::new("python3");
    program.args(["-c", PILLOW]);
    for (number, hidden) in pictures().iter().enumerate() {
        let path = folder.path().join(number.to_string());
        write(&path.with_extension("png"), &hidden.file);
        write(&path.with_extension("rgb"), &hidden.samples);
        program.arg(path);
    }
    let ran = program.output().expect("it was there a moment ago");
    assert!(ran.status.success(), "{ran:?}");
}

/// Once all pictures are there, draws each and writes a hash of its red, green and blue into the
/// document.
const PAGE: &str = "
onload = () => {
  const told = [];
  for (const image of document.images) {
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const brush = canvas.getContext('2d', { colorSpace: 'srgb' });
    brush.drawImage(image, 0, 0);
    const { data } = brush.getImageData(0, 0, canvas.width, canvas.height);
    let hash = 0x811c9dc5;
    for (let at = 0; at < data.length; at++) {
      if (at % 4 < 3) hash = Math.imul(hash ^ data[at], 0x01000193);
    }
    told.push((hash >>> 0).toString(16));
  }
  document.body.textContent = 'told ' + told.join(' ') + ' end';
};
";

/// FNV-1a, as on the page.
fn fnv(samples: &[u8]) -> u32 {
    samples.iter().fold(0x811c_9dc5, |hash, &sample| {
        (hash ^ u32::from(sample)).wrapping_mul(0x0100_0193)
    })
}

#[test]
fn chromium_shows_the_samples_that_were_embedded() {
    if !Path::new(CHROMIUM).exists() {
        println!("skipped: no Chromium here; .ci/run installs what this test needs");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (mut page, mut wanted) = ("<!doctype html><body>".to_owned(), "told".to_owned());
    for hidden in pictures() {
        let file = data_encoding::BASE64.encode(&hidden.file);
        write!(page, "<img src=\"data:image/png;base64,{file}\">").expect("a text grows");
        write!(wanted, " {:x}", fnv(&hidden.samples)).expect("a text grows");
    }
    write!(page, "<script>{PAGE}</script>").expect("a text grows");
    let path = folder.path().join("page.html");
    write(&path, page.as_bytes());
    let ran = Program::new(CHROMIUM)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg("--force-color-profile=srgb")
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(format!("file://{}", path.display()))
        .output()
        .expect("it runs");
    let shown = String::from_utf8_lossy(&ran.stdout);
    assert!(
        shown.contains(&format!("{wanted} end")),
        "{wanted}\n{shown:.2000}"
    );
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("the folder can be written");
}
