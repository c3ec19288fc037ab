//! Marks in shared images: made before an image is sealed, and found again in a copy.
//!
//! The key of a mark and a small grey rendition of the image are kept in the folder `marks` of the
//! home, for the eyes of its person only; no server and no borrower has them. A mark is written
//! down before the image leaves.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Person, petname};
use crate::cli::failure::{self, Ended};
use crate::proto::control::{Failure, Outcome, Reason};
use crate::stego::{self, DecodeLimits, FOUND_FROM, ImageKind, LIKENESS_MIN, MarkReference};
use crate::stego::{Picture, Traced};
use crate::talk::files::read;
use crate::talk::home;

/// Folder of the marks in a home.
const FOLDER: &str = "marks";
/// Marks looked through.
const MARKS_MAX: usize = 10_000;
/// Quality of a marked JPEG.
const QUALITY: u8 = 92;

/// A mark as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Mark {
    /// The grant, once there is one.
    lease: Option<String>,
    /// Name of the image.
    name: String,
    /// Who it was given to.
    to: String,
    /// The key, in hexadecimal.
    key: String,
    /// The original, small and grey, in base64.
    reference: String,
    #[serde(skip)]
    path: PathBuf,
}

impl Mark {
    /// Marks an image for somebody and writes the mark down; the marked file with it.
    pub(super) fn make(
        home: &Path,
        (name, to): (&str, &str),
        original: &[u8],
    ) -> Result<(Self, Bytes), Failure> {
        let mut key = [0; 32];
        home::random(&mut key)?;
        let image = stego::decode(original, &DecodeLimits::default()).map_err(no_image)?;
        let marked = stego::mark(&image, &key).map_err(no_image)?;
        let file = match stego::sniff(original) {
            Some(ImageKind::Jpeg) => stego::encode_jpeg(&marked, QUALITY),
            _ => stego::encode_png(&marked),
        };
        let folder = home.join(FOLDER);
        let number = HEXLOWER.encode(&blake3::derive_key("pentimento 1 mark name", &key)[..8]);
        let mark = Self {
            lease: None,
            name: name.to_owned(),
            to: to.to_owned(),
            key: HEXLOWER.encode(&key),
            reference: BASE64.encode(&MarkReference::of(&image).to_bytes()),
            path: folder.join(format!("{number}.json")),
        };
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder);
        made.map_err(|error| failure::file(&folder, &error))?;
        mark.keep()?;
        Ok((mark, file.map_err(no_image)?.into()))
    }

    /// Notes how the sharing of the marked image ended.
    pub(super) fn settle(self, outcome: &Result<Outcome, Failure>) -> Result<(), Failure> {
        match outcome {
            Ok(Outcome::Shared { grant, .. }) => self.belongs_to(grant.hex()),
            Ok(_) => Ok(()),
            Err(_) => {
                self.forget();
                Ok(())
            }
        }
    }

    /// Notes the grant that the marked image belongs to.
    fn belongs_to(mut self, lease: String) -> Result<(), Failure> {
        self.lease = Some(lease);
        self.keep()
    }

    /// The image was not shared after all.
    fn forget(self) {
        let _ = fs::remove_file(&self.path);
    }

    fn keep(&self) -> Result<(), Failure> {
        let failed = |error| failure::file(&self.path, &error);
        let beside = self.path.with_extension("partial");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&beside).map_err(failed)?;
        let text = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        file.write_all(&text).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::rename(&beside, &self.path).map_err(failed)
    }

    /// How well a copy shows this mark; nothing if it is a copy of something else.
    fn score(&self, copy: &Picture) -> Option<f32> {
        let reference = BASE64.decode(self.reference.as_bytes()).ok()?;
        let traced = Traced::new(copy, &MarkReference::from_bytes(&reference)?);
        let key = HEXLOWER.decode(self.key.as_bytes()).ok()?;
        let key = key.try_into().ok()?;
        (traced.likeness >= LIKENESS_MIN).then(|| traced.score(&key))
    }
}

/// The marks of a home; what is damaged is left out.
fn kept(home: &Path) -> Vec<Mark> {
    let Ok(folder) = fs::read_dir(home.join(FOLDER)) else {
        return Vec::new();
    };
    let paths = folder.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .take(MARKS_MAX)
        .collect();
    paths.sort();
    let mark = |path: &PathBuf| serde_json::from_slice(&fs::read(path).ok()?).ok();
    paths.iter().filter_map(mark).collect()
}

impl Person {
    /// A file with a mark for the person it is shared with.
    pub(super) fn marked(
        &self,
        name: &str,
        to: &str,
        original: Option<&[u8]>,
    ) -> Result<(Mark, Bytes), Failure> {
        let original = original.ok_or_else(|| {
            failure::usage(
                "a mark needs the file itself",
                "name the file instead of the picture in your gallery",
            )
        })?;
        Mark::make(&self.home.folder, (name, &petname(to)), original)
    }

    /// Names the grants whose marks a copy shows.
    pub(super) fn trace(&self, copy: &Path) -> Ended {
        let image = stego::decode(&read(copy)?, &DecodeLimits::default()).map_err(no_image)?;
        let marks = kept(&self.home.folder);
        let scored = marks
            .iter()
            .filter_map(|mark| Some((mark, mark.score(&image)?)));
        let scored: Vec<_> = scored.collect();
        let mut found: Vec<_> = scored
            .iter()
            .filter(|(_, score)| *score >= FOUND_FROM)
            .collect();
        found.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let line = |(mark, score): &&(&Mark, f32)| {
            let lease = mark.lease.as_deref().unwrap_or("not shared");
            let short = lease.get(..8).unwrap_or(lease);
            let Mark { name, to, .. } = mark;
            format!("{name} for @{to} (lease {short}): stands out by {score:.0}")
        };
        let mut lines: Vec<_> = found.iter().map(line).collect();
        if lines.is_empty() {
            lines.push(format!(
                "no mark of yours is found: {} marks, {} of them in an image like this",
                marks.len(),
                scored.len(),
            ));
        }
        let json = |(mark, score): &&(&Mark, f32)| {
            let Mark {
                lease, name, to, ..
            } = mark;
            json!({ "lease": lease, "name": name, "to": to, "score": score })
        };
        self.output.line(
            lines.join("\n"),
            json!({
                "found": found.iter().map(json).collect::<Vec<_>>(),
                "marks": marks.len(),
                "alike": scored.len(),
            }),
        );
        Ok(0)
    }
}

fn no_image(error: stego::StegoError) -> Failure {
    let hint = "marks go into PNG, JPEG and WebP images of at least 256 pixels a side";
    Failure::new(Reason::BadPicture, error.to_string(), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_is_kept_is_found_and_one_that_is_forgotten_is_not() {
        let home = tempfile::tempdir().expect("a home");
        let image = stego::covers::render(7, 320, 280, true);
        let file = stego::encode_png(&image).expect("a png");
        let make = |to| Mark::make(home.path(), ("beach.png", to), &file).expect("marked");
        let (bob, marked) = make("bob");
        let (cara, _) = make("cara");
        bob.belongs_to("00ff".into()).expect("kept");
        let copy = stego::decode(&marked, &DecodeLimits::default()).expect("a picture");
        let marks = kept(home.path());
        assert_eq!(marks.len(), 2);
        for mark in &marks {
            let score = mark.score(&copy).expect("alike");
            assert_eq!(score >= FOUND_FROM, mark.to == "bob", "{} {score}", mark.to);
        }
        cara.forget();
        let left: Vec<_> = kept(home.path())
            .into_iter()
            .map(|mark| mark.lease)
            .collect();
        assert_eq!(left, [Some("00ff".to_owned())]);
    }

    #[test]
    fn what_is_no_image_leaves_no_mark_behind() {
        let home = tempfile::tempdir().expect("a home");
        assert!(Mark::make(home.path(), ("a", "bob"), b"no image").is_err());
        assert!(kept(home.path()).is_empty());
    }
}
