//! Who is measured.

mod certificate;
mod ours;
mod quic;
mod streams;
mod tcp;
mod tls;

use crate::peer::Peer;

/// A transport by name.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// Its name, in tables and on the command line.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) about: &'static str,
    /// Makes it.
    pub(crate) make: fn() -> Box<dyn Peer>,
}

/// All of them. Ours stands in it as soon as there is a file for it.
pub(crate) const ALL: [Entry; 9] = [
    Entry {
        name: "tcp-cubic",
        about: "TCP by tokio, CUBIC",
        make: || {
            Box::new(tcp::Tcp {
                congestion: "cubic",
            })
        },
    },
    Entry {
        name: "tcp-bbr",
        about: "TCP by tokio, the kernel's BBR",
        make: || Box::new(tcp::Tcp { congestion: "bbr" }),
    },
    Entry {
        name: "tls-cubic",
        about: "rustls over TCP CUBIC: aws-lc, AES-128-GCM",
        make: || {
            Box::new(tls::Tls {
                congestion: "cubic",
            })
        },
    },
    Entry {
        name: "tls-bbr",
        about: "rustls over TCP BBR: aws-lc, AES-128-GCM",
        make: || Box::new(tls::Tls { congestion: "bbr" }),
    },
    Entry {
        name: "quinn",
        about: "quinn, CUBIC: aws-lc, AES-128-GCM, 3 MB windows, 4 MB sockets, 1,472 B",
        make: || Box::new(quic::Quic::CUBIC),
    },
    Entry {
        name: "quinn-bbr",
        about: "the same with quinn's BBR",
        make: || Box::new(quic::Quic::BBR),
    },
    Entry {
        name: "quinn-0rtt",
        about: "quinn, CUBIC, the request in the first flight",
        make: || Box::new(quic::Quic::EARLY),
    },
    Entry {
        name: "ours",
        about: "ours, through its actors: Noise, AES-128-GCM, 1,472 B, own BBR",
        make: || Box::new(ours::Ours { is_early: false }),
    },
    Entry {
        name: "ours-0rtt",
        about: "ours, the request in the first flight",
        make: || Box::new(ours::Ours { is_early: true }),
    },
];

/// A peer by its name.
pub(crate) fn by_name(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}
