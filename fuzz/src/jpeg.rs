//! JPEG files: what is tried is the file, behind its start marker.

use pentimento::stego::ImageKind;

use crate::pictures;

/// A file, with an end marker put on for every second one, since one without is refused at once.
pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let mut file = [&[0xff, 0xd8, 0xff], rest].concat();
    if first & 1 == 0 {
        file.extend([0xff, 0xd9]);
    }
    pictures::read(&file, ImageKind::Jpeg);
}
