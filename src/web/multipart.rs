//! Forms with files (`multipart/form-data`, RFC 7578), from bytes that are all here and bounded.
//! Pure; names of files are told, never used as paths.

use bytes::Bytes;
use thiserror::Error;

/// Parts of one form.
pub(super) const PARTS_MAX: usize = 32;

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The field's name.
    pub(super) name: String,
    /// The name of the file, for a field with a file.
    pub(super) file: Option<String>,
    /// The content.
    pub(super) body: Bytes,
}

/// Why a form cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum MultipartError {
    /// The content type has no boundary.
    #[error("the form names no boundary")]
    NoBoundary,
    /// A part does not begin or end as it must.
    #[error("the form is cut off or damaged")]
    Damaged,
    /// More than [`PARTS_MAX`] parts.
    #[error("the form has too many parts")]
    TooMany,
}

/// The boundary in a content type.
pub(super) fn boundary(content_type: &str) -> Result<&str, MultipartError> {
    let (kind, rest) = content_type
        .split_once(';')
        .ok_or(MultipartError::NoBoundary)?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(MultipartError::NoBoundary);
    }
    let mut fields = rest.split(';').map(str::trim);
    let found = fields.find_map(|field| field.strip_prefix("boundary="));
    let found = found.map(|text| text.trim_matches('"'));
    found
        .filter(|text| !text.is_empty() && text.len() <= 70)
        .ok_or(MultipartError::NoBoundary)
}

/// The parts of a form.
pub(super) fn parse(boundary: &str, body: &Bytes) -> Result<Vec<Part>, MultipartError> {
    let opening = format!("--{boundary}");
    if !body.starts_with(opening.as_bytes()) {
        return Err(MultipartError::Damaged);
    }
    let between = format!("\r\n--{boundary}");
    let mut parts = Vec::new();
    let mut at = opening.len();
    loop {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        if !rest.starts_with(b"\r\n") {
            return Err(MultipartError::Damaged);
        }
        if parts.len() >= PARTS_MAX {
            return Err(MultipartError::TooMany);
        }
        let head_at = at + 2;
        let head_bytes = find(&body[head_at..], b"\r\n\r\n").ok_or(MultipartError::Damaged)?;
        let content_at = head_at + head_bytes + 4;
        let content_bytes =
            find(&body[content_at..], between.as_bytes()).ok_or(MultipartError::Damaged)?;
        let head = std::str::from_utf8(&body[head_at..head_at + head_bytes])
            .map_err(|_| MultipartError::Damaged)?;
        let (name, file) = disposition(head).ok_or(MultipartError::Damaged)?;
        parts.push(Part {
            name,
            file,
            body: body.slice(content_at..content_at + content_bytes),
        });
        at = content_at + content_bytes + between.len();
    }
}

/// Name and file name of a part.
fn disposition(head: &str) -> Option<(String, Option<String>)> {
    let line = head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let field = |wanted: &str| {
        let start = line.find(&format!("; {wanted}=\""))? + wanted.len() + 4;
        let end = line[start..].find('"')?;
        // Browsers escape quotes and line ends in this way.
        Some(line[start..start + end].replace("%22", "\""))
    };
    Some((field("name")?, field("filename")))
}

/// Where `wanted` begins.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    loop {
        from += bytes[from..].iter().position(|byte| *byte == first)?;
        if bytes[from..].starts_with(wanted) {
            return Some(from);
        }
        from += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: &str = "--X\r\nContent-Disposition: form-data; name=\"views\"\r\n\r\n3\r\n\
        --X\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\
        Content-Type: image/png\r\n\r\n\r\n-bytes\r\n--\r\n--X--\r\n";

    #[test]
    fn fields_and_files_come_out_as_they_went_in() {
        let parts = parse("X", &Bytes::from_static(FORM.as_bytes())).expect("reads");
        assert_eq!(parts.len(), 2);
        assert_eq!(
            (parts[0].name.as_str(), parts[0].file.as_deref()),
            ("views", None)
        );
        assert_eq!(&parts[0].body[..], b"3");
        assert_eq!(parts[1].file.as_deref(), Some("a.png"));
        assert_eq!(&parts[1].body[..], b"\r\n-bytes\r\n--");
    }

    #[test]
    fn the_boundary_is_found_in_the_content_type() {
        let plain = "multipart/form-data; boundary=----abc";
        assert_eq!(boundary(plain), Ok("----abc"));
        assert_eq!(boundary("Multipart/Form-Data; boundary=\"a b\""), Ok("a b"));
        for bad in [
            "text/plain; boundary=x",
            "multipart/form-data",
            "multipart/form-data; boundary=",
        ] {
            assert_eq!(boundary(bad), Err(MultipartError::NoBoundary), "{bad}");
        }
    }

    #[test]
    fn so_many_parts_and_no_more() {
        let part = "\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nv\r\n--X";
        let form = |count: usize| Bytes::from(format!("--X{}--", part.repeat(count)));
        assert_eq!(
            parse("X", &form(PARTS_MAX)).map(|parts| parts.len()),
            Ok(PARTS_MAX)
        );
        assert_eq!(
            parse("X", &form(PARTS_MAX + 1)),
            Err(MultipartError::TooMany)
        );
    }

    proptest! {
        #[test]
        fn a_cut_or_changed_form_never_panics(
            cut in 0..FORM.len(),
            at in 0..FORM.len(),
            byte: u8,
        ) {
            let mut bytes = FORM.as_bytes()[..cut].to_vec();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _ = parse("X", &bytes.into());
        }
    }
}
