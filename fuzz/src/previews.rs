//! Previews of any picture, and whatever a gallery shows of a peer's.

use pentimento::stego::{self, ImageKind, PREVIEW_MAX_BYTES, PREVIEW_MAX_SIDE, Picture};

use crate::{Input, pictures};

/// The first byte tells whether what follows is a preview of a peer or a picture to preview.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    if input.byte() & 1 == 1 {
        if stego::sniff(input.0) == Some(ImageKind::Jpeg) {
            pictures::read(input.0, ImageKind::Jpeg);
        }
        return;
    }
    let width = u32::from(input.byte()) + 1;
    let rest = input.0;
    let height = (rest.len() / 3 / width as usize) as u32;
    let Ok(picture) = Picture::new(
        width,
        height,
        rest[..(width * height * 3) as usize].to_vec(),
    ) else {
        assert_eq!(height, 0);
        return;
    };
    let preview = stego::preview(&picture);
    assert!(!preview.is_empty() && preview.len() <= PREVIEW_MAX_BYTES);
    let shown = stego::decode(&preview, &pictures::LIMITS).expect("our own preview decodes");
    assert!(shown.width().max(shown.height()) <= PREVIEW_MAX_SIDE);
}
