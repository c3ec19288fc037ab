//! Bare writes to etcd, without our servers: what its users have on the same machine.
//!
//! By the JSON gateway, as our servers use it, each client with a connection of its own.

use std::thread;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use serde_json::json;

use super::figures::Column;
use super::{IDLE_LOOKS, RightsBench};
use crate::chaos::members::Members;
use crate::cli::bench::folder::Folder;
use crate::node::clock::Clock;
use crate::node::http_desk::HttpClient;
use crate::proto::control::{Failure, Reason};
use crate::time::Moment;

/// A value is as long as a signed order of a look.
const VALUE_BYTES: usize = 200;

/// Measures.
///
/// # Errors
/// If etcd cannot be started, or does not write.
pub(super) fn measure(wishes: &RightsBench) -> Result<Column, Failure> {
    let folder = Folder::new()?;
    let mut members = Members::start(&folder.0)?;
    let urls = members.urls();
    let mut column = Column::new("bare etcd");
    let clock = Clock::start();
    let mut waits = put_on(clock, &urls, 0, |_, puts| puts < IDLE_LOOKS)?;
    let what = format!("{IDLE_LOOKS} looks (bare: puts), one after the other");
    column.push_waits(["look p50", "look p99"], &mut waits, &what);

    let began = clock.now();
    let end = began.after(Duration::from_secs(u64::from(wishes.seconds)));
    let urls = &urls;
    let counts: Vec<Result<usize, Failure>> = thread::scope(|scope| {
        let client = |number: u16| {
            let named = thread::Builder::new().name(format!("put-{number}"));
            let puts = move || Ok(put_on(clock, urls, number, |now, _| now < end)?.len());
            named.spawn_scoped(scope, puts)
        };
        let clients: Vec<_> = (0..wishes.clients).map(client).collect();
        let ended = clients.into_iter().map(|client| match client {
            Ok(client) => client.join().unwrap_or_else(|_| Err(failed("it panicked"))),
            Err(error) => Err(failed(&error.to_string())),
        });
        ended.collect()
    });
    let puts = counts.into_iter().sum::<Result<usize, Failure>>()?;
    let took = clock.now().since(began).as_secs_f64();
    let what = super::by_clients("changes (bare: puts)", wishes);
    column.push("commits", puts as f64 / took, "a second", what);
    let kib = members.most_kib();
    column.push("etcd memory", super::mib(kib), "MiB", super::ETCD_MEMORY);
    Ok(column)
}

/// Writes to the key of one client again and again. Gives the waits.
fn put_on(
    clock: Clock,
    urls: &[String],
    number: u16,
    goes_on: impl Fn(Moment, usize) -> bool,
) -> Result<Vec<Duration>, Failure> {
    let endpoint = usize::from(number) % urls.len();
    let client = HttpClient::new(urls);
    let mut waits = Vec::new();
    while goes_on(clock.now(), waits.len()) {
        let began = clock.now();
        let body = body(number, waits.len());
        let put = client.call(endpoint, "/v3/kv/put", body);
        put.map_err(|words| failed(&words))?;
        waits.push(clock.now().since(began));
    }
    Ok(waits)
}

fn body(number: u16, count: usize) -> Bytes {
    let mut value = [0x5a; VALUE_BYTES];
    value[..8].copy_from_slice(&(count as u64).to_le_bytes());
    let key = BASE64.encode(format!("bench/{number}").as_bytes());
    json!({ "key": key, "value": BASE64.encode(&value) })
        .to_string()
        .into()
}

fn failed(words: &str) -> Failure {
    Failure::new(Reason::Other, format!("etcd does not write: {words}"), "")
}
