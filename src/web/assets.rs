//! What pages are made of besides words: style, scripts, icons. All are in the program.

use maud::{Markup, PreEscaped};

/// A file that everybody may see.
pub(super) struct Asset {
    /// Its media type.
    pub(super) media: &'static str,
    /// Its content.
    pub(super) content: &'static str,
}

/// The file of a name.
pub(super) fn find(name: &str) -> Option<Asset> {
    let (media, content) = match name {
        "gallery.css" => (
            "text/css; charset=utf-8",
            include_str!("../../assets/web/gallery.css"),
        ),
        "live.js" => (
            "text/javascript; charset=utf-8",
            include_str!("../../assets/web/live.js"),
        ),
        "look.js" => (
            "text/javascript; charset=utf-8",
            include_str!("../../assets/web/look.js"),
        ),
        "icon.svg" => ("image/svg+xml", include_str!("../../assets/web/icon.svg")),
        _ => return None,
    };
    Some(Asset { media, content })
}

/// A small drawing beside words; whoever does not see it misses nothing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Icon {
    /// Something that can be had.
    Offered,
    /// A question is out.
    Asked,
    /// Looks are left.
    Granted,
    /// On the screen, or cut short there.
    Eye,
    /// No looks are left.
    Spent,
    /// Taken back.
    Revoked,
    /// Its time is over.
    Expired,
    /// Not connected.
    Stale,
    /// Known for sure.
    Verified,
}

/// The drawing.
pub(super) fn icon(icon: Icon) -> Markup {
    PreEscaped(
        match icon {
            Icon::Offered => include_str!("../../assets/web/icons/offered.svg"),
            Icon::Asked => include_str!("../../assets/web/icons/asked.svg"),
            Icon::Granted => include_str!("../../assets/web/icons/granted.svg"),
            Icon::Eye => include_str!("../../assets/web/icons/eye.svg"),
            Icon::Spent => include_str!("../../assets/web/icons/spent.svg"),
            Icon::Revoked => include_str!("../../assets/web/icons/revoked.svg"),
            Icon::Expired => include_str!("../../assets/web/icons/expired.svg"),
            Icon::Stale => include_str!("../../assets/web/icons/stale.svg"),
            Icon::Verified => include_str!("../../assets/web/icons/verified.svg"),
        }
        .to_owned(),
    )
}
