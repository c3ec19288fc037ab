//! What the targets that read pictures share: small limits, and promises that hold for any file.

use bytes::Bytes;
use pentimento::stego::{self, Carrier, DecodeLimits, ImageKind, Picture, StegoError};

/// So little that a call stays short: 64 x 64 pixels.
pub const LIMITS: DecodeLimits = DecodeLimits {
    max_pixels: 4_096,
    max_alloc_bytes: 256 << 10,
};

/// Everything that reads a picture of somebody else, on one file of the kind `kind`.
pub fn read(file: &[u8], kind: ImageKind) {
    let file = Bytes::copy_from_slice(file);
    let decoded = stego::decode(&file, &LIMITS);
    check(&decoded, kind);
    let carrier = stego::decode_carrier(&file, &LIMITS);
    if let (Ok(carrier), Ok(decoded)) = (&carrier, &decoded) {
        assert_eq!(kind, ImageKind::Png, "only a PNG keeps every bit");
        match carrier {
            Carrier::Shallow(picture) => assert_eq!(picture, decoded),
            Carrier::Deep(low) => assert_eq!(low.samples().len(), decoded.samples().len()),
        }
    }
    let pixels = |carrier| match carrier {
        Carrier::Shallow(picture) | Carrier::Deep(picture) => picture,
    };
    check(&carrier.map(pixels), kind);
    let cleaned = stego::clean(&file);
    assert!(cleaned.bytes.len() <= file.len() + 64);
    let again = stego::clean(&cleaned.bytes);
    assert_eq!(again.bytes, cleaned.bytes, "clean is clean");
    if let (Ok(before), Ok(after)) = (&decoded, stego::decode(&cleaned.bytes, &LIMITS)) {
        assert_eq!(before.samples().len(), after.samples().len());
    }
}

fn check(decoded: &Result<Picture, StegoError>, kind: ImageKind) {
    match decoded {
        Ok(picture) => {
            let pixels = u64::from(picture.width()) * u64::from(picture.height());
            assert!(pixels <= LIMITS.max_pixels);
        }
        Err(StegoError::Damaged { kind: told, .. } | StegoError::Truncated { kind: told }) => {
            assert_eq!(*told, kind);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
