//! The HTTP edge: carries questions to a service whose endpoints are configured, and its answers
//! back. Only a server whose ledger lies in etcd has one that does anything.
//!
//! A few threads wait, since the client blocks; a question beyond the queue is answered at once as
//! failed. Never repeats a question, follows no redirect, uses no proxy, and reads no more of an
//! answer than was asked for. Decides nothing.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use actix::{Actor, Context, Handler, Recipient};
use bytes::Bytes;
use ureq::Agent;

use super::shell::{self, In};
use super::switchboard::{EdgeAnswer, HttpRequest};
use crate::actors::edges::{HttpAnswer, HttpOrder};

/// Questions under way at a time. The ledger has at most three.
const THREADS: usize = 4;
/// Questions that wait for a thread.
const QUEUE: usize = 16;
/// How long a program waits for an answer, and how long one may be.
const CALL_WAIT_MS: u64 = 10_000;
const CALL_ANSWER_MAX_BYTES: usize = 64 << 10;

/// A client of a service with several endpoints.
#[derive(Clone, Debug)]
pub struct HttpClient {
    agent: Agent,
    endpoints: Arc<[String]>,
}

impl HttpClient {
    /// A client of these endpoints, as `http://HOST:PORT`.
    #[must_use]
    pub fn new(endpoints: &[String]) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build();
        Self {
            agent: config.into(),
            endpoints: endpoints.into(),
        }
    }

    /// Asks, and waits for the answer.
    #[must_use]
    pub fn ask(&self, order: &HttpOrder) -> HttpAnswer {
        let Some(endpoint) = self.endpoints.get(order.endpoint) else {
            return HttpAnswer::Failed("no such endpoint is configured".into());
        };
        match self.post(endpoint, order) {
            Ok((status, body)) => HttpAnswer::Done { status, body },
            Err(error) => HttpAnswer::Failed(format!("{endpoint}: {error}")),
        }
    }

    /// Asks, and waits for the answer, for a program that does nothing else meanwhile.
    ///
    /// # Errors
    /// In words, if none comes within ten seconds, or another one than 200.
    pub fn call(&self, endpoint: usize, path: &'static str, body: Bytes) -> Result<Bytes, String> {
        let order = HttpOrder {
            endpoint,
            path,
            body,
            wait_ms: CALL_WAIT_MS,
            answer_max_bytes: CALL_ANSWER_MAX_BYTES,
        };
        match self.ask(&order) {
            HttpAnswer::Done { status: 200, body } => Ok(body),
            HttpAnswer::Done { status, .. } => Err(format!("status {status}")),
            HttpAnswer::Failed(words) => Err(words),
        }
    }

    fn post(&self, endpoint: &str, order: &HttpOrder) -> Result<(u16, Bytes), ureq::Error> {
        let wait = Duration::from_millis(order.wait_ms);
        let request = self
            .agent
            .post(format!("{endpoint}{}", order.path))
            .config()
            .timeout_global(Some(wait))
            .build()
            .content_type("application/json");
        let mut answer = request.send(order.body.as_ref())?;
        let limit = order.answer_max_bytes as u64;
        let body = answer.body_mut().with_config().limit(limit).read_to_vec()?;
        Ok((answer.status().as_u16(), body.into()))
    }
}

/// The actor in front of the threads.
pub struct HttpDesk<I: Send + 'static> {
    queue: SyncSender<HttpRequest>,
    answers: Recipient<In<I>>,
    wrap: fn(EdgeAnswer) -> I,
}

impl<I: Send + 'static> HttpDesk<I> {
    /// Starts the threads, none without endpoints. They end when the actor does.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn start(
        endpoints: &[String],
        answers: Recipient<In<I>>,
        wrap: fn(EdgeAnswer) -> I,
    ) -> std::io::Result<Self> {
        let (queue, asked) = sync_channel(QUEUE);
        let asked = Arc::new(Mutex::new(asked));
        let client = HttpClient::new(endpoints);
        let threads = if endpoints.is_empty() { 0 } else { THREADS };
        for number in 0..threads {
            let (asked, client, answers) = (asked.clone(), client.clone(), answers.clone());
            thread::Builder::new()
                .name(format!("http-{number}"))
                .spawn(move || toil(&asked, &client, &answers, wrap))?;
        }
        Ok(Self {
            queue,
            answers,
            wrap,
        })
    }
}

/// Asks one question after another until the desk is gone.
fn toil<I: Send + 'static>(
    asked: &Mutex<Receiver<HttpRequest>>,
    client: &HttpClient,
    answers: &Recipient<In<I>>,
    wrap: fn(EdgeAnswer) -> I,
) {
    loop {
        let next = asked.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(HttpRequest { ticket, order }) = next else {
            return;
        };
        let answer = client.ask(&order);
        if let HttpAnswer::Failed(words) = &answer {
            tracing::warn!(%words, "etcd");
        }
        let answer = EdgeAnswer::Http(ticket, answer);
        shell::post("switchboard", answers.try_send(In(wrap(answer))));
    }
}

impl<I: Send + 'static> Actor for HttpDesk<I> {
    type Context = Context<Self>;
}

impl<I: Send + 'static> Handler<In<HttpRequest>> for HttpDesk<I> {
    type Result = ();

    fn handle(&mut self, In(request): In<HttpRequest>, _: &mut Self::Context) {
        let refused = match self.queue.try_send(request) {
            Ok(()) => return,
            Err(TrySendError::Full(request)) => (request.ticket, "too many questions wait"),
            Err(TrySendError::Disconnected(request)) => (request.ticket, "no endpoint"),
        };
        let (ticket, words) = refused;
        let answer = EdgeAnswer::Http(ticket, HttpAnswer::Failed(words.into()));
        let sent = self.answers.try_send(In((self.wrap)(answer)));
        shell::post("switchboard", sent);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    fn order(wait_ms: u64, answer_max_bytes: usize) -> HttpOrder {
        HttpOrder {
            endpoint: 0,
            path: "/v3/kv/txn",
            body: Bytes::from_static(b"{}"),
            wait_ms,
            answer_max_bytes,
        }
    }

    /// A service that says these bytes to whoever connects first, and what it was asked.
    fn service(says: &'static [u8]) -> (HttpClient, thread::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let asked = thread::Builder::new().spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut asked = vec![0; 4_096];
            let mut length = 0;
            while !asked[..length].ends_with(b"{}") {
                length += stream.read(&mut asked[length..]).expect("a question");
            }
            asked.truncate(length);
            stream.write_all(says).expect("it listens");
            if says.is_empty() {
                // Silent until the client has gone.
                let _ = stream.read(&mut [0; 1]);
            }
            asked
        });
        (HttpClient::new(&[url]), asked.expect("a thread"))
    }

    #[test]
    fn a_question_is_a_post_of_json_and_any_status_is_an_answer() {
        let (client, asked) =
            service(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno");
        let answer = client.ask(&order(10_000, 10));
        let body = Bytes::from_static(b"no");
        assert_eq!(answer, HttpAnswer::Done { status: 503, body });
        let asked = asked.join().expect("it ends");
        let text = String::from_utf8_lossy(&asked).to_lowercase();
        assert!(text.starts_with("post /v3/kv/txn http/1.1\r\n"), "{text}");
        assert!(
            text.contains("content-type: application/json\r\n"),
            "{text}"
        );
    }

    #[test]
    fn no_answer_too_long_a_one_and_none_at_all_are_failures() {
        let (client, asked) = service(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345");
        assert!(matches!(
            client.ask(&order(10_000, 4)),
            HttpAnswer::Failed(_)
        ));
        asked.join().expect("it ends");
        let (client, asked) = service(b"");
        assert!(matches!(client.ask(&order(50, 4)), HttpAnswer::Failed(_)));
        drop(client);
        asked.join().expect("it ends");
        let port = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", port.local_addr().expect("bound"));
        drop(port);
        let client = HttpClient::new(&[url]);
        assert!(matches!(
            client.ask(&order(1_000, 4)),
            HttpAnswer::Failed(_)
        ));
        let nowhere = HttpOrder {
            endpoint: 1,
            ..order(50, 4)
        };
        assert!(matches!(client.ask(&nowhere), HttpAnswer::Failed(_)));
    }
}
