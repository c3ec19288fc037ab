//! A link between two network namespaces: two TUN devices with a bad link between them, in a
//! process of its own. It carries whatever the kernel sends, TCP and UDP alike. Needs root.
//!
//! The process makes namespaces and devices and takes them away when nobody talks to it any more,
//! however the bench ended; it is in a process group of its own, so that an interrupt of the bench
//! does not end it first.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, Write, stdin, stdout};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::Command;
use std::time::Duration;

use clap::Parser;
use pentimento::chaos::link::terms::Terms;
use pentimento::chaos::relay::readiness;
use pentimento::chaos::relay::schedule::Schedule;
use pentimento::sim::link::{Counts, Link};
use pentimento::time::Moment;
use serde::{Deserialize, Serialize};
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::clock;
use crate::peer::Fault;

/// The client's address and the server's.
pub(crate) const ADDRESSES: [Ipv4Addr; 2] =
    [Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 2)];
const PREFIX: &str = "pentimento-bench";
const MTU: u16 = 1_500;
const PACKETS_MAX: usize = 65_536;
const BURST: usize = 64;
/// Longest wait without anything to do.
const IDLE: Duration = Duration::from_millis(500);
const CLIENT: usize = 0;
const SERVER: usize = 1;

/// What the link's process is told, a line each.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Be like that from now on, with new dice.
    Set {
        /// As [`Terms`] on a command line.
        terms: String,
        /// Where the dice fall.
        seed: u64,
    },
    /// Tell what was carried since.
    Tell,
}

/// What it answers, a line each.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// Namespaces of client and server.
    Stands([String; 2]),
    /// It is like that.
    Set,
    /// What was carried.
    Told(Told),
}

/// What was carried since the link was set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Towards the client: packets offered, lost by the dice, dropped at the queue, arriving.
    pub(crate) down: [u64; 4],
    /// Towards the server.
    pub(crate) up: [u64; 4],
    /// Bytes that arrived at the client from each port of the server, TCP and UDP apart.
    pub(crate) down_bytes: BTreeMap<String, u64>,
    /// How late packets were delivered: half of them, 99 of 100 and all, in microseconds.
    pub(crate) late_us: [u64; 3],
}

impl Told {
    /// Share of what came to the queue towards the client that was dropped there.
    pub(crate) fn dropped_share(&self) -> f64 {
        let [_, _, dropped, arriving] = self.down;
        if dropped == 0 {
            0.0
        } else {
            dropped as f64 / (dropped + arriving) as f64
        }
    }
}

/// Runs the link until nobody talks to it any more.
pub(crate) fn run() -> Result<(), Fault> {
    sweep();
    let ends = ["a", "b"].map(|end| format!("{PREFIX}-{}-{end}", std::process::id()));
    let _cleaner = Cleaner(&ends);
    let mut devices = Vec::new();
    for (namespace, address) in ends.iter().zip(ADDRESSES) {
        devices.push(device(namespace, devices.len(), address)?);
    }
    let mut tunnel = Tunnel::new(devices)?;
    say(&Reply::Stands(ends.clone()))?;
    tunnel.run()
}

/// Takes namespaces away.
struct Cleaner<'a>(&'a [String]);

impl Drop for Cleaner<'_> {
    fn drop(&mut self) {
        for namespace in self.0 {
            // One that was never made is not there.
            let _ = ip(&["netns", "del", namespace]);
        }
    }
}

/// Takes away what an earlier link could not, because it was killed.
fn sweep() {
    let Ok(names) = fs::read_dir("/run/netns") else {
        return;
    };
    for name in names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        let process = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest[1..].split('-').next());
        let is_gone = |process: &str| !fs::exists(format!("/proc/{process}")).unwrap_or(true);
        if process.is_some_and(is_gone) {
            let _ = ip(&["netns", "del", &name]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), Fault> {
    let output = Command::new("ip").args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(format!("ip {}: {}", arguments.join(" "), why.trim()).into())
}

/// Makes a namespace with one end of the link in it.
fn device(namespace: &str, number: usize, address: Ipv4Addr) -> Result<SyncDevice, Fault> {
    let name = format!("pnt{}{}", std::process::id(), ["a", "b"][number]);
    ip(&["netns", "add", namespace])?;
    let device = DeviceBuilder::new()
        .name(&name)
        .mtu(MTU)
        .enable(false)
        .build_sync()?;
    rustix::io::ioctl_fionbio(&device, true)?;
    // No packets of the kernel's own, and nothing remembered from one connection to the next.
    ip(&["link", "set", "dev", &name, "addrgenmode", "none"])?;
    ip(&["link", "set", "dev", &name, "netns", namespace])?;
    ip(&[
        "-n",
        namespace,
        "addr",
        "add",
        &format!("{address}/24"),
        "dev",
        &name,
    ])?;
    ip(&["-n", namespace, "link", "set", "dev", &name, "up"])?;
    ip(&["-n", namespace, "link", "set", "dev", "lo", "up"])?;
    let forget = "echo 1 > /proc/sys/net/ipv4/tcp_no_metrics_save";
    ip(&["netns", "exec", namespace, "sh", "-c", forget])?;
    Ok(device)
}

struct Tunnel {
    devices: Vec<SyncDevice>,
    /// To the server, to the client: by the end that sends.
    links: [Link; 2],
    /// Where a packet goes, and its bytes.
    under_way: Schedule<(usize, Vec<u8>)>,
    /// Buffers of packets that have arrived.
    pool: Vec<Vec<u8>>,
    down_bytes: BTreeMap<(u8, u16), u64>,
}

fn links(terms: &str, seed: u64) -> Result<[Link; 2], Fault> {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        terms: Terms,
    }
    let words = std::iter::once("link").chain(terms.split_whitespace());
    let config = Line::try_parse_from(words)?.terms.config()?;
    Ok([Link::new(config, seed)?, Link::new(config, !seed)?])
}

impl Tunnel {
    fn new(devices: Vec<SyncDevice>) -> Result<Self, Fault> {
        Ok(Self {
            devices,
            links: links("", 0)?,
            under_way: Schedule::default(),
            pool: Vec::new(),
            down_bytes: BTreeMap::new(),
        })
    }

    fn run(&mut self) -> Result<(), Fault> {
        readiness::be_exact();
        let start = clock::now();
        let now = || Moment::START.after(clock::since(start));
        let input = stdin();
        let mut line = String::new();
        let mut ready = Vec::new();
        let mut buffer = vec![0; usize::from(u16::MAX)];
        loop {
            let most = self
                .under_way
                .next()
                .map_or(IDLE, |next| next.since(now()).min(IDLE));
            let fds: [BorrowedFd<'_>; 3] = [
                self.devices[CLIENT].as_fd(),
                self.devices[SERVER].as_fd(),
                input.as_fd(),
            ];
            readiness::wait(&fds, most, &mut ready)?;
            self.deliver(now());
            for at in ready.drain(..) {
                if at <= SERVER {
                    self.take(at, &now, &mut buffer)?;
                    continue;
                }
                line.clear();
                if input.lock().read_line(&mut line)? == 0 {
                    return Ok(());
                }
                self.obey(&line)?;
            }
            self.deliver(now());
        }
    }

    fn obey(&mut self, line: &str) -> Result<(), Fault> {
        match serde_json::from_str(line)? {
            Order::Set { terms, seed } => {
                self.links = links(&terms, seed)?;
                self.under_way.clear();
                self.down_bytes.clear();
                say(&Reply::Set)
            }
            Order::Tell => say(&Reply::Told(self.told())),
        }
    }

    fn told(&self) -> Told {
        let four = |counts: Counts| [counts.offered, counts.lost, counts.dropped, counts.arriving];
        let lateness = self.under_way.lateness();
        let late_us = [0.5, 0.99, 1.0].map(|share| lateness.quantile(share).as_micros() as u64);
        let flow = |(kind, port): &(u8, u16)| {
            format!("{}:{port}", if *kind == TCP { "tcp" } else { "udp" })
        };
        Told {
            down: four(self.links[SERVER].counts()),
            up: four(self.links[CLIENT].counts()),
            down_bytes: self
                .down_bytes
                .iter()
                .map(|(key, bytes)| (flow(key), *bytes))
                .collect(),
            late_us,
        }
    }

    /// Reads packets of one end and puts them on their way to the other.
    fn take(
        &mut self,
        at: usize,
        now: &dyn Fn() -> Moment,
        buffer: &mut [u8],
    ) -> Result<(), Fault> {
        for _ in 0..BURST {
            let length = match self.devices[at].recv(buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            };
            let now = now();
            for arrival in self.links[at].push(now, length) {
                if self.under_way.len() < PACKETS_MAX {
                    let mut packet = self.pool.pop().unwrap_or_default();
                    packet.clear();
                    packet.extend_from_slice(&buffer[..length]);
                    self.under_way.push(arrival, (1 - at, packet));
                }
            }
            self.deliver(now);
        }
        Ok(())
    }

    fn deliver(&mut self, now: Moment) {
        while let Some((to, packet)) = self.under_way.pop(now) {
            if to == CLIENT
                && let Some(flow) = flow(&packet)
            {
                *self.down_bytes.entry(flow).or_default() += packet.len() as u64;
            }
            // What the kernel does not take is lost.
            let _ = self.devices[to].send(&packet);
            self.pool.push(packet);
        }
    }
}

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Protocol and source port of an IPv4 packet.
fn flow(packet: &[u8]) -> Option<(u8, u16)> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let kind = *packet.get(9)?;
    let port = packet.get(header..header + 2)?;
    [TCP, UDP]
        .contains(&kind)
        .then(|| (kind, u16::from_be_bytes([port[0], port[1]])))
}

fn say(reply: &Reply) -> Result<(), Fault> {
    let mut out = stdout().lock();
    writeln!(out, "{}", serde_json::to_string(reply)?)?;
    Ok(out.flush()?)
}
