//! When what is done: the scenario's streams and steps, drawn out by the seed. The same for both
//! modes.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::record::Kind;
use super::scenario::step::{Host, Step};
use super::scenario::{Load, Op, Scenario, Who};

const SECOND: f64 = 1e6;

/// One thing to do.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// A step of the scenario begins.
    Step(Step),
    /// A person makes a request.
    Request {
        /// Who.
        client: Host,
        /// What.
        kind: Kind,
        /// The image, if one is made.
        image: Vec<u8>,
    },
}

/// All that is to be done, in the order of time, in microseconds from the start.
pub(super) fn draw(scenario: &Scenario, seed: u64) -> Vec<(u64, Order)> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x6c6f_6164);
    let mut orders = Vec::new();
    for load in &scenario.loads {
        stream(scenario, load, &mut rng, &mut orders);
    }
    for (at_s, step) in &scenario.steps {
        let order = match step {
            Step::Hide(client) => Order::Request {
                client: *client,
                kind: Kind::Hide,
                image: noise(&mut rng, [1_000, 8_000]),
            },
            step => Order::Step(step.clone()),
        };
        orders.push(((at_s * SECOND) as u64, order));
    }
    orders.sort_by_key(|(at, _)| *at);
    orders
}

/// One request in each interval, somewhere in it: the rate is kept, the spacing is not even.
fn stream(scenario: &Scenario, load: &Load, rng: &mut ChaCha20Rng, orders: &mut Vec<(u64, Order)>) {
    let who = people(scenario, load);
    let interval = SECOND / load.rate_per_s.get_ref();
    for number in 0..load.requests() {
        let within: f64 = rng.random_range(0.0..1.0);
        let at = load.from_s * SECOND + (number as f64 + within) * interval;
        let kind = match load.op.get_ref() {
            Op::Hide => Kind::Hide,
            Op::Share => Kind::Share,
            Op::View => Kind::View,
            Op::Update => Kind::Update,
        };
        let image = match kind.is_made() {
            true => noise(rng, *load.image_bytes.get_ref()),
            false => Vec::new(),
        };
        orders.push((
            at as u64,
            Order::Request {
                client: who[number as usize % who.len()],
                kind,
                image,
            },
        ));
    }
}

fn people(scenario: &Scenario, load: &Load) -> Vec<Host> {
    let servers = *scenario.cluster.nodes.get_ref();
    let names = scenario.cluster.clients.get_ref();
    match load.clients.as_ref().map(toml::Spanned::get_ref) {
        None => (servers..servers + names.len()).collect(),
        Some(Who::First(count)) => (servers..servers + count).collect(),
        Some(Who::Named(who)) => (servers..)
            .zip(names)
            .filter(|(_, name)| who.contains(name))
            .map(|(host, _)| host)
            .collect(),
    }
}

fn noise(rng: &mut ChaCha20Rng, [smallest, largest]: [u32; 2]) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(smallest..=largest) as usize];
    rng.fill_bytes(&mut bytes);
    bytes
}
