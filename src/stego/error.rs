//! The one error type of the pixel code.
//!
//! Every variant names the cause, the effect on state (always none: inputs are left as they
//! were, unless the variant says otherwise) and who can do something about it.

use super::codec::ImageKind;

/// What can go wrong between bytes and pixels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StegoError {
    /// Width, height and sample count do not describe an RGB picture. A mistake of the caller;
    /// way out: width and height at least 1 and exactly `width * height * 3` samples.
    #[error("{samples} samples do not make a picture of {width} x {height} pixels in rgb")]
    Dimensions {
        /// Pixels per row as given.
        width: u32,
        /// Rows as given.
        height: u32,
        /// Samples as given.
        samples: usize,
    },
    /// The payload is larger than the picture (or the largest cover) can carry. Way out: a
    /// larger cover, or a smaller image to share.
    #[error("{size_bytes} bytes do not fit, the limit is {limit_bytes} bytes")]
    TooLarge {
        /// Bytes that were to be hidden.
        size_bytes: u64,
        /// Bytes that can be hidden.
        limit_bytes: u64,
    },
    /// Covert hiding was asked for in a cover that others have: whoever subtracts it sees every
    /// change. Way out: an own picture that was never published, or another mode.
    #[error(
        "covert hiding needs an own cover that was never published: whoever has this program can \
         subtract its default covers"
    )]
    PublicCover,
    /// Too many samples are black or white, which covert hiding leaves alone. Way out: another
    /// picture.
    #[error("too much of this picture is plain black or white to hide in it covertly")]
    Saturated,
    /// The range asked for ends beyond the last bit of the picture: the picture is not the
    /// carrier the caller takes it for, or was cropped or scaled. Way out: the original file.
    #[error("bytes up to {end_bytes} were asked of a picture that holds {capacity_bytes}")]
    PastCapacity {
        /// Offset plus length of the request.
        end_bytes: u64,
        /// Whole bytes the picture holds.
        capacity_bytes: u64,
    },
    /// The image is too small for a mark. Way out: share it without one.
    #[error("{width} x {height} pixels are too few for a mark")]
    TooSmallToMark {
        /// Pixels per row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// There are no bytes to decode: an empty file or an upload that never began. Way out:
    /// send the file again.
    #[error("the file is empty")]
    EmptyInput,
    /// The bytes begin like none of the formats understood. Way out: PNG, JPEG or WebP.
    #[error("the file is not a png, jpeg or webp picture")]
    UnknownFormat,
    /// The header announces more pixels than allowed; nothing was allocated. Way out: scale
    /// the picture down, or raise [`super::DecodeLimits`].
    #[error("{width} x {height} pixels are more than the limit of {limit_pixels}")]
    TooManyPixels {
        /// Pixels per row as announced.
        width: u32,
        /// Rows as announced.
        height: u32,
        /// Largest number of pixels accepted.
        limit_pixels: u64,
    },
    /// Decoding would need more memory than allowed; it was not allocated. Way out: a picture
    /// without giant metadata or with fewer pixels, or raise [`super::DecodeLimits`].
    #[error("decoding needs more than the limit of {limit_bytes} bytes of memory")]
    TooMuchMemory {
        /// Largest number of bytes a decoder may allocate.
        limit_bytes: u64,
    },
    /// The file ends before the picture does: an interrupted copy. Way out: copy it again.
    #[error("the {kind} file is cut off before its end")]
    Truncated {
        /// The format the file begins with.
        kind: ImageKind,
    },
    /// The file contradicts its own format or checksum. Way out: fetch it again from where it
    /// came; `reason` is for the log of whoever wrote the file.
    #[error("the {kind} file is damaged: {reason}")]
    Damaged {
        /// The format the file begins with.
        kind: ImageKind,
        /// What the decoder found, in its words.
        reason: String,
    },
    /// A carrier arrived in a format that does not keep every bit: some program on the way
    /// converted it and what was hidden is gone. Way out: ask for the original PNG, sent as a
    /// file instead of as a photo.
    #[error("this picture was re-encoded as {kind} on its way, the original png file is needed")]
    Reencoded {
        /// The format it was converted to.
        kind: ImageKind,
    },
    /// A carrier arrived as a PNG with another pixel layout (palette, grey, alpha, 16 bit):
    /// some program converted it. Way out: as for [`StegoError::Reencoded`].
    #[error("this png was converted to another pixel layout, the original file is needed")]
    Converted,
    /// The encoder refused, for instance a JPEG side above 65,535 pixels. Way out: another
    /// format or a smaller picture.
    #[error("the picture cannot be written as {kind}: {reason}")]
    Encode {
        /// The format that was to be written.
        kind: ImageKind,
        /// What the encoder says.
        reason: String,
    },
}
