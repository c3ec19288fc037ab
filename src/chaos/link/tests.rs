use std::net::UdpSocket;
use std::time::Duration;

use super::*;
use crate::sim::link::{Loss, Queue};

const WAIT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(200);

fn end(address: &str) -> UdpSocket {
    let end = UdpSocket::bind(address).expect("binds");
    end.set_read_timeout(Some(WAIT)).expect("sets");
    end
}

fn link(server: &UdpSocket, listen: &str, config: Config) -> UdpLink {
    let to = server.local_addr().expect("has one");
    UdpLink::start(listen.parse().expect("an address"), to, config, 7).expect("starts")
}

fn read(end: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2_048];
    let (length, from) = end.recv_from(&mut buffer).expect("arrives");
    (buffer[..length].to_vec(), from)
}

#[test]
fn many_clients_talk_with_one_server_and_are_told_apart() {
    for (own, listen) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("[::1]:0", "[::1]:0"),
        ("[::1]:0", "127.0.0.1:0"),
    ] {
        let server = end(own);
        let link = link(&server, listen, Config::PERFECT);
        let clients = [(); 5].map(|()| end(listen));
        for (number, client) in (0..).zip(&clients) {
            client.send_to(&[number], link.listens()).expect("sends");
        }
        let mut sources = Vec::new();
        for _ in &clients {
            let (text, source) = read(&server);
            server.send_to(&[text[0] + 100], source).expect("sends");
            sources.push(source);
        }
        for (number, client) in (0..).zip(&clients) {
            assert_eq!(read(client), (vec![number + 100], link.listens()));
        }
        sources.sort_unstable();
        sources.dedup();
        let told = link.end().expect("ends");
        assert_eq!((sources.len(), told.clients), (clients.len(), 5));
        assert_eq!((told.to_server.arriving, told.to_clients.arriving), (5, 5));
    }
}

#[test]
fn a_datagram_takes_its_way_and_headers_count() {
    let server = end("127.0.0.1:0");
    let config = Config {
        delay_us: 30_000,
        queue: Queue::Bytes(0),
        mtu_bytes: 1_500,
        ..Config::PERFECT
    };
    let link = link(&server, "127.0.0.1:0", config);
    let client = end("127.0.0.1:0");
    client.send_to(&[0; 1_473], link.listens()).expect("sends");
    client.send_to(&[0; 1_472], link.listens()).expect("sends");
    assert_eq!(read(&server).0.len(), 1_472);
    let told = link.end().expect("ends");
    assert_eq!(told.to_server.too_long, 1);
    assert_eq!(told.to_server.arriving_bytes, 1_500);
}

#[test]
fn what_the_dice_lose_never_arrives() {
    let server = end("127.0.0.1:0");
    let config = Config {
        loss: Loss::Independent(0.5),
        ..Config::PERFECT
    };
    let link = link(&server, "127.0.0.1:0", config);
    let client = end("127.0.0.1:0");
    for _ in 0..200 {
        client.send_to(b"x", link.listens()).expect("sends");
    }
    server.set_read_timeout(Some(SILENCE)).expect("sets");
    let mut buffer = [0; 8];
    let got = std::iter::from_fn(|| server.recv_from(&mut buffer).ok()).count() as u64;
    let told = link.end().expect("ends");
    assert_eq!(
        (told.to_server.arriving, told.to_server.offered),
        (got, 200)
    );
    assert!((60..140).contains(&got), "{got} of 200");
}

#[test]
fn the_longest_silent_client_makes_room_and_a_stranger_is_not_heard() {
    let to = SocketAddr::from(([127, 0, 0, 1], 9));
    let perfect = || Link::new(Config::PERFECT, 0).expect("is good");
    let mut line = Line {
        to,
        to_server: perfect(),
        to_clients: perfect(),
        clients: Vec::new(),
        by_address: BTreeMap::new(),
        seen: 0,
    };
    let mut post = Post::default();
    post.open(SocketAddr::from(([127, 0, 0, 1], 0)))
        .expect("opens");
    let from = |port| SocketAddr::from(([127, 0, 0, 1], port));
    for port in 0..CLIENTS_MAX as u16 {
        let now = Moment::from_millis(port.into());
        line.take(now, ENTRANCE, from(1_000 + port), b"x", &mut post);
    }
    let later = Moment::from_millis(10_000);
    line.take(later, ENTRANCE, from(1_000), b"x", &mut post);
    line.take(later, ENTRANCE, from(5_000), b"x", &mut post);
    assert_eq!(line.clients.len(), CLIENTS_MAX);
    assert!(line.by_address.contains_key(&from(1_000)), "it spoke again");
    assert!(
        !line.by_address.contains_key(&from(1_001)),
        "it was silent longest"
    );
    line.take(later, 1, from(4_000), b"x", &mut post);
    assert_eq!(line.to_clients.counts().offered, 0);
    line.take(later, 1, to, b"x", &mut post);
    assert_eq!(line.to_clients.counts().arriving, 1);
}
