//! Who may ask for what, told from the head of a request alone.
//!
//! Decides in this order: the right host, an address that a page of ours can have, no prefetch, a
//! known method, no other site behind a change, a session. Never looks at a body and keeps nothing.

use std::net::SocketAddr;

use super::refusals::Refusal;

/// Bytes of all headers together.
pub(super) const HEADERS_MAX_BYTES: usize = 16 << 10;
/// Longest address that is looked at.
const PATH_MAX_BYTES: usize = 512;

/// Where a session begins.
pub(super) const DOOR: &str = "/s/";
/// What everybody may see: the style and the script, nothing private.
pub(super) const ASSETS: &str = "/assets/";

/// The head of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head<'a> {
    /// `GET`, `POST`.
    pub(super) method: &'a str,
    /// The path as it was sent, without the query.
    pub(super) path: &'a str,
    /// All headers together, in bytes.
    pub(super) headers_bytes: usize,
    /// `Host`.
    pub(super) host: Option<&'a str>,
    /// `Origin`.
    pub(super) origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub(super) fetch_site: Option<&'a str>,
    /// `Sec-Fetch-Mode`.
    pub(super) fetch_mode: Option<&'a str>,
    /// `Sec-Purpose`, `Purpose` or `X-Moz`.
    pub(super) purpose: Option<&'a str>,
    /// `Cookie`.
    pub(super) cookie: Option<&'a str>,
}

/// What the requests are compared with.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    hosts: Vec<String>,
    cookie: String,
    session: blake3::Hash,
}

impl Guard {
    /// The guard of a gallery that listens at `address`; `session` is the value of its cookie.
    pub(super) fn new(address: SocketAddr, session: &str) -> Self {
        let mut hosts = vec![address.to_string()];
        if address.ip().is_loopback() {
            hosts.push(format!("localhost:{}", address.port()));
        }
        Self {
            hosts,
            // Cookies do not know ports: two galleries of one host must not share a name.
            cookie: format!("pentimento_{}", address.port()),
            session: blake3::hash(session.as_bytes()),
        }
    }

    /// The name of the session's cookie.
    pub(super) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Whether the request may pass.
    pub(super) fn check(&self, head: &Head<'_>) -> Result<(), Refusal> {
        let host = head.host.map(str::to_ascii_lowercase);
        if !host.is_some_and(|host| self.hosts.contains(&host)) {
            return Err(Refusal::Host);
        }
        if head.headers_bytes > HEADERS_MAX_BYTES {
            return Err(Refusal::Headers);
        }
        if !is_plain(head.path) {
            return Err(Refusal::Path);
        }
        if head.purpose.is_some_and(is_ahead) {
            return Err(Refusal::Prefetch);
        }
        match head.method {
            "GET" => check_read(head)?,
            "POST" => self.check_change(head)?,
            _ => return Err(Refusal::Method),
        }
        let is_open = head.path.starts_with(DOOR) || head.path.starts_with(ASSETS);
        if !is_open && !head.cookie.is_some_and(|cookie| self.is_session(cookie)) {
            return Err(Refusal::Session);
        }
        Ok(())
    }

    /// Every browser tells the origin of a POST; who tells none is no page of ours.
    fn check_change(&self, head: &Head<'_>) -> Result<(), Refusal> {
        let origin = head
            .origin
            .and_then(|origin| origin.strip_prefix("http://"));
        let is_ours = origin.is_some_and(|origin| self.hosts.iter().any(|host| host == origin));
        let is_near = matches!(head.fetch_site, None | Some("same-origin"));
        if is_ours && is_near {
            Ok(())
        } else {
            Err(Refusal::CrossSite)
        }
    }

    fn is_session(&self, cookies: &str) -> bool {
        cookies.split(';').any(|cookie| {
            let pair = cookie.trim().split_once('=');
            // Hashes compare in constant time.
            pair.is_some_and(|(name, value)| {
                name == self.cookie && blake3::hash(value.as_bytes()) == self.session
            })
        })
    }
}

/// Another site may send a person here, but may not take a part of a page into its own.
fn check_read(head: &Head<'_>) -> Result<(), Refusal> {
    let is_ours = matches!(head.fetch_site, None | Some("same-origin" | "none"));
    let is_visit = matches!(head.fetch_mode, None | Some("navigate"));
    if is_ours || is_visit {
        Ok(())
    } else {
        Err(Refusal::CrossSite)
    }
}

/// Whether a path has only what our addresses have: no escapes, no climbing, no empty parts.
fn is_plain(path: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    path.len() <= PATH_MAX_BYTES
        && path.starts_with('/')
        && path.chars().all(known)
        && !path.contains("..")
        && !path.contains("//")
}

fn is_ahead(purpose: &str) -> bool {
    let purpose = purpose.to_ascii_lowercase();
    ["prefetch", "prerender", "preview"]
        .iter()
        .any(|word| purpose.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::new(([127, 0, 0, 1], 4711).into(), "pass")
    }

    const GOOD: Head<'_> = Head {
        method: "GET",
        path: "/lease/00ff",
        headers_bytes: 300,
        host: Some("127.0.0.1:4711"),
        origin: None,
        fetch_site: Some("none"),
        fetch_mode: Some("navigate"),
        purpose: None,
        cookie: Some("other=1; pentimento_4711=pass"),
    };
    const POST: Head<'_> = Head {
        method: "POST",
        origin: Some("http://127.0.0.1:4711"),
        fetch_site: Some("same-origin"),
        ..GOOD
    };

    #[test]
    fn a_visitor_with_a_session_may_pass() {
        assert_eq!(guard().check(&GOOD), Ok(()));
        assert_eq!(guard().check(&POST), Ok(()));
        let by_name = Head {
            host: Some("LocalHost:4711"),
            ..GOOD
        };
        assert_eq!(guard().check(&by_name), Ok(()));
    }

    #[test]
    fn another_host_is_refused() {
        for host in [None, Some("evil.test:4711"), Some("127.0.0.1"), Some("")] {
            let head = Head { host, ..GOOD };
            assert_eq!(guard().check(&head), Err(Refusal::Host), "{host:?}");
        }
    }

    #[test]
    fn tricks_in_the_path_are_refused() {
        for path in [
            "/../x",
            "/%2e%2e/x",
            "//x",
            "/a//b",
            "/a\\b",
            "x",
            "/a;b",
            "/é",
            "/a b",
            "/.%00",
        ] {
            let head = Head { path, ..GOOD };
            assert_eq!(guard().check(&head), Err(Refusal::Path), "{path}");
        }
        let long = format!("/{}", "a".repeat(PATH_MAX_BYTES));
        let head = Head {
            path: &long,
            ..GOOD
        };
        assert_eq!(guard().check(&head), Err(Refusal::Path));
    }

    #[test]
    fn long_headers_are_refused_above_the_limit_only() {
        let headers_bytes = HEADERS_MAX_BYTES;
        let fits = Head {
            headers_bytes,
            ..GOOD
        };
        assert_eq!(guard().check(&fits), Ok(()));
        let headers_bytes = HEADERS_MAX_BYTES + 1;
        let long = Head {
            headers_bytes,
            ..GOOD
        };
        assert_eq!(guard().check(&long), Err(Refusal::Headers));
    }

    #[test]
    fn a_browser_that_looks_ahead_is_refused() {
        for purpose in ["prefetch", "prefetch;prerender", "Preview"] {
            let purpose = Some(purpose);
            let head = Head { purpose, ..GOOD };
            assert_eq!(guard().check(&head), Err(Refusal::Prefetch), "{purpose:?}");
        }
    }

    #[test]
    fn a_change_from_another_site_is_refused() {
        let other = [
            (None, None),
            (None, Some("same-origin")),
            (Some("null"), Some("same-origin")),
            (Some("http://127.0.0.1:4712"), Some("same-site")),
            (Some("https://127.0.0.1:4711"), None),
            (Some("http://127.0.0.1:4711"), Some("cross-site")),
            (Some("http://127.0.0.1:4711"), Some("same-site")),
            (Some("http://127.0.0.1:4711"), Some("none")),
        ];
        for (origin, fetch_site) in other {
            let head = Head {
                origin,
                fetch_site,
                ..POST
            };
            let why = format!("{origin:?} {fetch_site:?}");
            assert_eq!(guard().check(&head), Err(Refusal::CrossSite), "{why}");
        }
    }

    #[test]
    fn a_part_of_a_page_is_not_given_to_another_site() {
        for fetch_site in ["cross-site", "same-site"] {
            let part = Head {
                fetch_site: Some(fetch_site),
                fetch_mode: Some("no-cors"),
                ..GOOD
            };
            assert_eq!(guard().check(&part), Err(Refusal::CrossSite));
        }
    }

    #[test]
    fn without_the_session_only_door_and_style_are_there() {
        for cookie in [
            None,
            Some(""),
            Some("pentimento_4711=other"),
            Some("pentimento=pass"),
        ] {
            let head = Head { cookie, ..GOOD };
            assert_eq!(guard().check(&head), Err(Refusal::Session), "{cookie:?}");
            for path in ["/s/abc/", "/assets/gallery.css"] {
                assert_eq!(guard().check(&Head { path, ..head }), Ok(()));
            }
        }
    }

    #[test]
    fn other_methods_are_refused() {
        for method in ["HEAD", "PUT", "DELETE", "TRACE", "OPTIONS", "PATCH"] {
            let head = Head { method, ..POST };
            assert_eq!(guard().check(&head), Err(Refusal::Method));
        }
    }
}
