use super::*;

const WAIT: Duration = Duration::from_secs(5);

/// Sends every datagram back after its first byte in milliseconds.
struct Echo;

impl Policy for Echo {
    fn take(&mut self, now: Moment, at: usize, from: SocketAddr, datagram: &[u8], post: &mut Post) {
        let wait = Duration::from_millis(datagram[0].into());
        post.send(now.after(wait), at, from, datagram.into());
    }
}

fn echo(address: &str) -> (Relay<Echo>, SocketAddr) {
    let mut post = Post::default();
    let socket = post
        .open(address.parse().expect("an address"))
        .expect("opens");
    let address = post.address(socket).expect("has one");
    (Relay::start(Echo, post).expect("starts"), address)
}

#[test]
fn datagrams_are_sent_on_in_the_order_of_their_times() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (relay, to) = echo(address);
        let end = UdpSocket::bind(address).expect("binds");
        end.set_read_timeout(Some(WAIT)).expect("sets");
        for wait in [200, 100, 150] {
            end.send_to(&[wait], to).expect("sends");
        }
        let mut buffer = [0; 8];
        let order = [(); 3].map(|()| {
            end.recv_from(&mut buffer).expect("arrives");
            buffer[0]
        });
        assert_eq!(order, [100, 150, 200]);
        let (Echo, post) = relay.end().expect("ends");
        assert_eq!(post.refused(), 0);
    }
}

#[test]
fn what_is_beyond_the_limit_is_lost_and_counted() {
    let mut post = Post::default();
    let to = SocketAddr::from(([127, 0, 0, 1], 9));
    let datagram: Arc<[u8]> = [0].into();
    for _ in 0..=UNDER_WAY_MAX {
        post.send(Moment::START, 0, to, Arc::clone(&datagram));
    }
    assert_eq!((post.schedule.len(), post.refused()), (UNDER_WAY_MAX, 1));
}
