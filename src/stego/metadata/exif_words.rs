//! What Exif data tell about a person, in words.

use exif::{Context, In, Reader, Tag};

use super::is_upright;

/// Exif data beyond this are not read, only removed. Cameras write at most a JPEG segment of it.
const READ_MAX_BYTES: usize = 1 << 20;

/// Exif data with nothing but the orientation are no longer than this; what is longer hides more.
const BARE_MAX_BYTES: usize = 64;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) words: Vec<&'static str>,
    pub(super) orientation: Option<u8>,
}

/// Reads Exif data: a TIFF header with directories. What cannot be read is told as such.
pub(super) fn read(tiff: &[u8]) -> Told {
    let mut told = Told::default();
    if tiff.len() > READ_MAX_BYTES {
        told.words.push("Exif data");
        return told;
    }
    let mut reader = Reader::new();
    reader.continue_on_error(true);
    let read = reader
        .read_raw(tiff.to_vec())
        .or_else(|error| error.distill_partial_result(|_| {}));
    let Ok(read) = read else {
        told.words.push("Exif data");
        return told;
    };
    let orientation = read
        .get_field(Tag::Orientation, In::PRIMARY)
        .and_then(|field| field.value.get_uint(0));
    told.orientation = orientation
        .and_then(|value| u8::try_from(value).ok())
        .filter(|value| (2..=8).contains(value));
    if is_upright(tiff) {
        return told;
    }
    // The orientation tells nothing of anybody, and stays.
    for field in read.fields().filter(|field| field.tag != Tag::Orientation) {
        let word = if field.ifd_num == In::THUMBNAIL {
            "embedded thumbnail"
        } else {
            word(field.tag)
        };
        if !told.words.contains(&word) {
            told.words.push(word);
        }
    }
    if told.words.is_empty() && tiff.len() > BARE_MAX_BYTES {
        told.words.push("Exif data");
    }
    // What tells most comes first.
    told.words
        .sort_by_key(|word| ORDER.iter().position(|known| known == word));
    told
}

const ORDER: [&str; 13] = [
    "place (GPS)",
    "camera serial number",
    "lens serial number",
    "owner name",
    "copyright",
    "picture number",
    "date",
    "camera model",
    "description",
    "software",
    "maker note",
    "embedded thumbnail",
    "camera settings",
];

fn word(tag: Tag) -> &'static str {
    if tag.context() == Context::Gps {
        return "place (GPS)";
    }
    match tag {
        Tag::GPSInfoIFDPointer => "place (GPS)",
        Tag::BodySerialNumber => "camera serial number",
        Tag::LensSerialNumber => "lens serial number",
        Tag::CameraOwnerName | Tag::Artist => "owner name",
        Tag::Copyright => "copyright",
        Tag::ImageUniqueID => "picture number",
        Tag::DateTime
        | Tag::DateTimeOriginal
        | Tag::DateTimeDigitized
        | Tag::OffsetTime
        | Tag::OffsetTimeOriginal
        | Tag::OffsetTimeDigitized
        | Tag::SubSecTime
        | Tag::SubSecTimeOriginal
        | Tag::SubSecTimeDigitized => "date",
        Tag::Make | Tag::Model | Tag::LensMake | Tag::LensModel => "camera model",
        Tag::ImageDescription | Tag::UserComment => "description",
        Tag::Software => "software",
        Tag::MakerNote => "maker note",
        _ => "camera settings",
    }
}
