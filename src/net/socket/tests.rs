use std::future::poll_fn;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

const NOW: Moment = Moment::START;

fn open(ip: impl Into<IpAddr>) -> io::Result<Socket> {
    Socket::new(bind((ip.into(), 0).into())?)
}

fn batch(to: SocketAddr, bytes: &[u8], datagram_bytes: usize) -> Batch {
    let mut batch = Batch::default();
    batch.buffer().extend_from_slice(bytes);
    batch.address(to, datagram_bytes);
    batch
}

/// Reads until `count` datagrams are here.
async fn read(socket: &mut Socket, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut buffers = Buffers::default();
    let mut taken = Vec::new();
    while taken.len() < count {
        poll_fn(|cx| socket.poll_readable(cx)).await.unwrap();
        socket.receive(&mut buffers, |from, bytes, stride| {
            taken.extend(bytes.chunks(stride).map(|one| (from, one.to_vec())));
        });
    }
    taken
}

/// Sends datagrams of `sizes` bytes there and back.
async fn there_and_back(ip: IpAddr) {
    let mut one = open(ip).unwrap();
    let mut other = open(ip).unwrap();
    let bytes: Vec<u8> = (0..100_500_u32).map(|at| at as u8).collect();
    let mut there = batch(other.local_address(), &bytes, 1_000);
    assert_eq!(one.send(NOW, &mut there), Progress::Done);
    let taken = read(&mut other, 101).await;
    assert!(taken.iter().all(|(from, _)| *from == one.local_address()));
    let mut sizes = taken.iter().map(|(_, one)| one.len());
    assert!(sizes.clone().take(100).all(|size| size == 1_000));
    assert_eq!(sizes.next_back(), Some(500));
    let back: Vec<u8> = taken.into_iter().flat_map(|(_, one)| one).collect();
    assert_eq!(back, bytes);
    let mut back = batch(one.local_address(), &back, 1_000);
    assert_eq!(other.send(NOW, &mut back), Progress::Done);
    assert_eq!(read(&mut one, 101).await.len(), 101);
    assert_eq!((one.counts().sent, one.counts().received), (101, 101));
    assert!(one.counts().errors.is_empty(), "{:?}", one.counts());
}

#[tokio::test]
async fn batches_go_there_and_back() {
    there_and_back(Ipv4Addr::LOCALHOST.into()).await;
    if open(Ipv6Addr::LOCALHOST).is_ok() {
        there_and_back(Ipv6Addr::LOCALHOST.into()).await;
    }
}

#[tokio::test]
async fn a_wildcard_socket_of_ipv6_serves_ipv4_and_answers_from_where_it_was_reached() {
    let Ok(mut server) = open(Ipv6Addr::UNSPECIFIED) else {
        return;
    };
    let mut client = open(Ipv4Addr::LOCALHOST).unwrap();
    // Not the address that the kernel would choose by itself.
    let reached = SocketAddr::from(([127, 0, 0, 9], server.local_address().port()));
    client.send(NOW, &mut batch(reached, b"ask", 3));
    let (from, _) = read(&mut server, 1).await.remove(0);
    assert_eq!(from, client.local_address());
    server.send(NOW, &mut batch(from, b"answer", 6));
    assert_eq!(read(&mut client, 1).await, [(reached, b"answer".to_vec())]);
}

#[tokio::test]
async fn a_closed_port_and_impossible_addresses_cost_nothing_but_the_datagram() {
    let mut socket = open(Ipv4Addr::LOCALHOST).unwrap();
    let mut other = open(Ipv4Addr::LOCALHOST).unwrap();
    let closed = open(Ipv4Addr::LOCALHOST).unwrap().local_address();
    let impossible = [
        closed,
        ([127, 0, 0, 1], 0).into(),
        (Ipv6Addr::LOCALHOST, 9).into(),
        ([255, 255, 255, 255], 9).into(),
    ];
    for to in impossible.into_iter().cycle().take(40) {
        let mut batch = batch(to, &[7; 3_000], 1_000);
        assert_eq!(socket.send(NOW, &mut batch), Progress::Done);
        assert!(batch.is_done());
    }
    let mut last = batch(other.local_address(), &[7; 3_000], 1_000);
    socket.send(NOW, &mut last);
    assert_eq!(read(&mut other, 3).await.len(), 3);
    let counts = socket.counts();
    assert_eq!(counts.errors["send: no such address"], 20);
    assert!(counts.errors["send: forbidden"] >= 10, "{counts:?}");
    assert_eq!(counts.segmentation_refused, 0);
    // What the ICMP answers left behind does not keep it from reading.
    other.send(NOW, &mut batch(socket.local_address(), b"x", 1));
    assert_eq!(read(&mut socket, 1).await.len(), 1);
}

#[tokio::test]
async fn a_datagram_that_is_too_large_is_counted_and_the_others_go() {
    let mut socket = open(Ipv4Addr::LOCALHOST).unwrap();
    let mut other = open(Ipv4Addr::LOCALHOST).unwrap();
    let too_large = &mut batch(other.local_address(), &[7; 66_000], 65_900);
    assert_eq!(socket.send(NOW, too_large), Progress::Done);
    let taken = read(&mut other, 1).await;
    assert_eq!(taken[0].1.len(), 100);
    let kind = "send: larger than the path takes";
    assert_eq!(socket.counts().errors[kind], 1);
    let largest = &mut batch(other.local_address(), &[7; 65_507], 65_507);
    socket.send(NOW, largest);
    assert_eq!(read(&mut other, 1).await[0].1.len(), 65_507);
}

#[tokio::test]
async fn what_was_granted_is_told() {
    let socket = bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let granted = granted_receive_bytes(&socket) as u64;
    let flow = flow_bytes(&socket);
    let socket = Socket::new(socket).unwrap();
    assert!(granted > 0);
    assert_eq!(socket.granted_receive_bytes(), granted);
    assert!(flow < granted / 2);
    assert_eq!(socket.counts().granted_receive_bytes, granted);
}

#[tokio::test]
async fn segmentation_that_is_off_comes_back_after_a_while() {
    let mut one = open(Ipv4Addr::LOCALHOST).unwrap();
    let other = open(Ipv4Addr::LOCALHOST).unwrap();
    let until = NOW.after(SEGMENTATION_OFF);
    one.segmentation_off_until = Some(until);
    one.send(NOW, &mut batch(other.local_address(), &[7; 3_000], 1_000));
    assert_eq!((one.counts().sent, one.counts().segmented), (3, 0));
    one.send(until, &mut batch(other.local_address(), &[7; 3_000], 1_000));
    let segmented = if one.segments_max > 1 { 3 } else { 0 };
    assert_eq!((one.counts().sent, one.counts().segmented), (6, segmented));
}

#[tokio::test]
async fn an_empty_datagram_is_told_as_one() {
    let mut one = open(Ipv4Addr::LOCALHOST).unwrap();
    let plain = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    plain.send_to(&[], one.local_address()).unwrap();
    poll_fn(|cx| one.poll_readable(cx)).await.unwrap();
    let mut sizes = Vec::new();
    let mut buffers = Buffers::default();
    one.receive(&mut buffers, |_, bytes, stride| {
        sizes.push((bytes.len(), stride))
    });
    assert_eq!(sizes, [(0, 1)]);
    assert_eq!(one.counts().received, 1);
}

#[test]
fn addresses_that_reached_us_are_forgotten_beyond_a_limit() {
    let mut locals = BTreeMap::new();
    let local = Some(Ipv4Addr::LOCALHOST.into());
    for at in 0..=LOCALS_MAX as u32 {
        remember(&mut locals, (Ipv4Addr::from(at), 1).into(), local);
    }
    assert_eq!(locals.len(), LOCALS_MAX);
    let last = (Ipv4Addr::from(LOCALS_MAX as u32), 1).into();
    assert!(locals.contains_key(&last));
}
