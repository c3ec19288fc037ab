//! An etcd that has the ledger and is not what it should be: values are changed or gone, answers
//! come late, twice, cut off, or from something else. Nothing panics, and no question has more
//! than one answer that is waited for.

mod model;

use core::time::Duration;
use std::collections::VecDeque;

use bytes::Bytes;
use pentimento::actors::consensus::{
    Config, Etcd, EtcdConfig, Input as Happening, Output, OutputOf, Rows,
};
use pentimento::actors::edges::{HttpAnswer, HttpOrder, Ticket};
use pentimento::actors::machine::{Machine, Outbox};
use pentimento::node::machines::agreed_rows;
use pentimento::proto::ids::{NodeId, UserId};
use pentimento::sim::disk::Disk;
use pentimento::time::{Calendar, Moment, WallTime};

use crate::Input;
use crate::toy::Toy;
use model::Model;

/// Things that happen in one call at the most.
const STEPS_MAX: usize = 16;
/// Questions in one call at the most: each costs some JSON.
const QUESTIONS_MAX: usize = 24;
/// What is ordered for each thing that happens, at the most on average.
const ORDERS_MAX: usize = 16;

struct Server {
    machine: Etcd<Toy>,
    model: Model,
    disk: Disk,
    asked: VecDeque<(Ticket, HttpOrder)>,
    now: Moment,
    out: Outbox<OutputOf<Toy>>,
    happened: usize,
    ordered: usize,
    questions: usize,
}

fn machine(rows: &Rows) -> Etcd<Toy> {
    let calendar = Calendar {
        started_at: WallTime(1_000_000),
    };
    let config = Config {
        waiting_max: 16,
        waiting_by_client_max: 8,
        waiting_max_bytes: 8 << 10,
        reads_max: 16,
        checkpoint_every: 4,
        ..Config::lan(NodeId(1), Vec::new(), calendar)
    };
    let etcd = EtcdConfig {
        batch_max: 2,
        page: 2,
        part_bytes: 8,
        marker_ms: 200,
        ..EtcdConfig::lan(1, "p".to_owned())
    };
    Etcd::new(config, etcd, Toy::default(), rows, [7; 32])
}

impl Server {
    fn new() -> Self {
        Self {
            machine: machine(&Rows::default()),
            model: Model::default(),
            disk: Disk::default(),
            asked: VecDeque::new(),
            now: Moment::from_millis(1),
            out: Outbox::new(),
            happened: 0,
            ordered: 0,
            questions: 0,
        }
    }

    fn give(&mut self, input: Happening) {
        self.happened += 1;
        self.machine.handle(self.now, input, &mut self.out);
        self.collect();
    }

    fn pass(&mut self, millis: u64) {
        let end = self.now.after(Duration::from_millis(millis));
        for _ in 0..20 {
            let Some(at) = self.machine.deadline().filter(|&at| at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            self.happened += 1;
            self.machine.on_deadline(self.now, &mut self.out);
            self.collect();
        }
        self.now = end;
    }

    fn collect(&mut self) {
        let mut written = Vec::new();
        for output in self.out.take() {
            match output {
                Output::Http { ticket, order } => {
                    self.ordered += 1;
                    self.asked.push_back((ticket, order));
                }
                Output::Disk { ticket, order } => {
                    self.ordered += 1;
                    written.push((ticket, self.disk.carry_out(order)));
                }
                _ => {}
            }
        }
        assert!(
            self.ordered <= ORDERS_MAX * self.happened,
            "{} orders for {} things",
            self.ordered,
            self.happened
        );
        for (ticket, answer) in written {
            self.give(Happening::Disk { ticket, answer });
        }
    }

    /// The oldest question is carried out; `bend` changes the answer.
    fn answer(&mut self, bend: impl FnOnce(Bytes) -> HttpAnswer) {
        if self.questions >= QUESTIONS_MAX {
            return;
        }
        if let Some((ticket, order)) = self.asked.pop_front() {
            self.questions += 1;
            let answer = bend(self.model.carry_out(&order.body));
            self.give(Happening::Http { ticket, answer });
        }
    }

    fn settle(&mut self) {
        for _ in 0..8 {
            self.answer(done);
        }
    }
}

fn done(body: Bytes) -> HttpAnswer {
    HttpAnswer::Done { status: 200, body }
}

/// A sequence of commands, answers and changes in etcd.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut server = Server::new();
    server.pass(10);
    if input.byte() & 1 == 0 {
        server.settle();
    }
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        step(&mut server, &mut input);
    }
    server.pass(2_000);
    server.settle();
}

fn step(server: &mut Server, input: &mut Input<'_>) {
    match input.byte() % 20 {
        0 => server.pass(u64::from(input.byte()) * 10),
        1..=3 => {
            let size = usize::from(input.byte() % 32);
            server.give(Happening::Submit {
                client: UserId([input.byte() % 4; 32]),
                nonce: u64::from(input.byte() % 32),
                command: Bytes::copy_from_slice(input.bytes(size)),
            });
        }
        4 => server.give(Happening::Ask {
            client: UserId([1; 32]),
            nonce: u64::from(input.byte()),
            question: Bytes::new(),
        }),
        5..=8 => server.settle(),
        9 => server.answer(done),
        10 => {
            let (status, size) = (input.short() % 600, input.size());
            let body = Bytes::copy_from_slice(input.bytes(size));
            server.answer(|_| HttpAnswer::Done { status, body });
        }
        11 => server.answer(|_| HttpAnswer::Failed("no answer".to_owned())),
        12 | 13 => {
            let (place, value) = (usize::from(input.short()), input.byte());
            server.answer(|body| {
                let mut body = body.to_vec();
                let place = place % body.len();
                if value == 0 {
                    body.truncate(place);
                } else {
                    body[place] = body[place].wrapping_add(value);
                }
                done(body.into())
            });
        }
        14..=16 => change(&mut server.model, input),
        17 => {
            let size = usize::from(input.byte() % 64);
            let hint = [&b"etcd 1 "[..], input.bytes(size)].concat();
            server.give(Happening::Heard {
                from: NodeId(input.byte() % 4),
                message: hint.into(),
            });
        }
        18 => server.give(match input.byte() % 4 {
            0 => Happening::Halted,
            1 => Happening::Retired,
            _ => Happening::Resumed,
        }),
        _ => {
            server.machine = machine(&agreed_rows(&server.disk.tables()));
            server.asked.clear();
            server.pass(10);
        }
    }
}

/// One key is gone, another, or has another value.
fn change(model: &mut Model, input: &mut Input<'_>) {
    let which = usize::from(input.byte()) % model.rows.len().max(1);
    let Some((key, value)) = model.rows.iter().nth(which) else {
        return;
    };
    let (key, mut value) = (key.clone(), value.clone());
    let place = usize::from(input.byte()) % value.len().max(1);
    match input.byte() {
        0 => drop(model.rows.remove(&key)),
        1 => drop(model.rows.insert(key, input.bytes(place).to_vec())),
        2 => {
            value.truncate(place);
            model.rows.insert(key, value);
        }
        3 => {
            let more = input.bytes(9);
            value.splice(place..(place + 1).min(value.len()), more.iter().copied());
            model.rows.insert(key, value);
        }
        4 => {
            let name = format!("p/log/{:020}", input.long() >> (input.byte() % 64));
            model.rows.insert(name.into_bytes(), value);
        }
        turn => {
            if let Some(byte) = value.get_mut(place) {
                *byte = byte.wrapping_add(turn);
            }
            model.rows.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_etcd_takes_commands() {
        let mut server = Server::new();
        server.pass(10);
        server.settle();
        for nonce in 0..6 {
            server.give(Happening::Submit {
                client: UserId([1; 32]),
                nonce,
                command: Bytes::from_static(b"a"),
            });
            server.settle();
        }
        assert!(
            server.machine.applied() >= 6,
            "{}",
            server.machine.applied()
        );
        assert!(server.model.rows.len() > 2);
    }
}
