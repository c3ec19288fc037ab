//! Free ports for those who write them down: outside the range from which the system gives ports to
//! whoever asks for any one, as far as there is room, so that such a program does not have them
//! before their owner listens, or while it is down.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use rand::TryRng;

/// The lowest that is taken; services that are known by their ports are below.
const LOWEST: u16 = 10_000;
/// What the system gives begins here or above, on systems that do not say.
const GIVEN_FROM: u16 = 32_768;
/// Where Linux says it: the first and the last one.
const GIVEN_FILE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// Ports that are tried before one that the system gives has to do.
const TRIES: u32 = 64;

/// A socket on a free UDP port.
///
/// # Errors
/// If the address is none of this host's, or every port is taken.
pub fn udp(at: IpAddr) -> io::Result<UdpSocket> {
    draw(&mut rand::rngs::SysRng, given_from(), |port| {
        UdpSocket::bind(SocketAddr::new(at, port))
    })
}

/// A listener on a free TCP port.
///
/// # Errors
/// If the address is none of this host's, or every port is taken.
pub fn tcp(at: IpAddr) -> io::Result<TcpListener> {
    draw(&mut rand::rngs::SysRng, given_from(), |port| {
        TcpListener::bind(SocketAddr::new(at, port))
    })
}

fn given_from() -> u16 {
    let text = fs::read_to_string(GIVEN_FILE).ok();
    let first = text
        .as_deref()
        .and_then(|text| text.split_ascii_whitespace().next());
    first
        .and_then(|port| port.parse().ok())
        .unwrap_or(GIVEN_FROM)
}

fn draw<S, R: TryRng>(
    random: &mut R,
    given_from: u16,
    mut bind: impl FnMut(u16) -> io::Result<S>,
) -> io::Result<S>
where
    R::Error: Send + Sync + 'static,
{
    let room = u32::from(given_from.saturating_sub(LOWEST));
    if room == 0 {
        return bind(0);
    }
    for _ in 0..TRIES {
        let drawn = random.try_next_u32().map_err(io::Error::other)? % room;
        // Fits, as the room is below 65,536.
        match bind(LOWEST + drawn as u16) {
            Err(error) if is_taken(&error) => {}
            bound => return bound,
        }
    }
    bind(0)
}

/// Windows sets ports apart, and says so in the second way.
fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AddrInUse | ErrorKind::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// Which ports are tried where so many refuse.
    fn tried(given_from: u16, refuse: usize, error: ErrorKind) -> (Vec<u16>, io::Result<u16>) {
        let mut tried = Vec::new();
        let bound = draw(&mut ChaCha8Rng::seed_from_u64(1), given_from, |port| {
            tried.push(port);
            if tried.len() <= refuse {
                return Err(error.into());
            }
            Ok(port)
        });
        (tried, bound)
    }

    #[test]
    fn a_port_is_free_and_not_of_those_that_the_system_gives() {
        let (first, second) = (udp(HERE).expect("one"), udp(HERE).expect("another"));
        let port = |socket: &UdpSocket| socket.local_addr().expect("bound").port();
        assert_ne!(port(&first), port(&second));
        let listener = tcp(HERE).expect("one");
        let listens_on = listener.local_addr().expect("bound").port();
        // A host may be set up to give nearly all of them.
        let room = LOWEST..given_from();
        for port in [port(&first), port(&second), listens_on] {
            assert!(room.is_empty() || room.contains(&port), "{port}");
        }
    }

    #[test]
    fn what_is_taken_is_passed_over_until_the_system_has_to_choose() {
        let (ports, bound) = tried(10_003, 3, ErrorKind::AddrInUse);
        assert_eq!(ports.len(), 4);
        assert!(ports.iter().all(|port| (10_000..10_003).contains(port)));
        assert_eq!(bound.ok(), ports.last().copied());
        let (ports, bound) = tried(20_000, 64, ErrorKind::PermissionDenied);
        assert_eq!((ports.len(), bound.ok()), (65, Some(0)));
        let (ports, _) = tried(1_024, 0, ErrorKind::AddrInUse);
        assert_eq!(ports, [0], "no room below");
    }

    #[test]
    fn another_fault_is_told_at_once() {
        let (ports, bound) = tried(20_000, 1, ErrorKind::AddrNotAvailable);
        let error = bound.expect_err("refused");
        assert_eq!(
            (ports.len(), error.kind()),
            (1, ErrorKind::AddrNotAvailable)
        );
    }
}
