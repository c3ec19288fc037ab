//! The rules that values of a scenario keep, each refused with its place.

use toml::Spanned;

use super::text::{Fault, Place};
use super::threshold::Threshold;
use super::{
    CLIENTS_MAX, Cluster, Known, LENGTH_MAX_S, Load, Op, Orders, RawInvariants, RawThresholds,
    Store, Token, Who, step,
};
use crate::proto::limits::{SERVERS_MAX, VIEWS_MAX};

/// Bytes of an image, at most.
const IMAGE_MAX_BYTES: u32 = 4_000_000;
/// Longest planned failure in seconds, as the servers allow it.
const HOLD_MAX_S: f64 = 20.0;

pub(super) fn check_name(place: &Place<'_>, name: &Spanned<String>) -> Result<(), Fault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let text = name.get_ref();
    if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
        let rule = "name must have 1 to 64 letters, digits, - or _";
        return Err(place.fault(&name.span(), rule));
    }
    Ok(())
}

pub(super) fn check_cluster(place: &Place<'_>, cluster: &Cluster) -> Result<(), Fault> {
    let Cluster {
        nodes,
        clients,
        latency_ms,
        loss,
        duplicate,
        counted_by: _,
        ledger: _,
        busy: _,
        heal_disks: _,
    } = cluster;
    if !(1..=SERVERS_MAX).contains(nodes.get_ref()) {
        let rule = format!(
            "nodes = {}, there must be 1 to {SERVERS_MAX}",
            nodes.get_ref()
        );
        return Err(place.fault(&nodes.span(), rule));
    }
    let names = clients.get_ref();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    if names.is_empty() || names.len() > CLIENTS_MAX || unique.len() < names.len() {
        let rule = format!("clients must be 1 to {CLIENTS_MAX} different names");
        return Err(place.fault(&clients.span(), rule));
    }
    if let Some(name) = names.iter().find(|name| !step::is_person_name(name)) {
        let rule = format!(
            "{name:?} cannot be a client: names begin with a small letter, go on with small \
             letters, digits or -, and are no word of a step and no server"
        );
        return Err(place.fault(&clients.span(), rule));
    }
    let [shortest, longest] = *latency_ms.get_ref();
    if !(0.0..=longest).contains(&shortest) || longest > 1_000.0 {
        let rule = "latency_ms = [shortest, longest] with 0 <= shortest <= longest <= 1000";
        return Err(place.fault(&latency_ms.span(), rule));
    }
    for (what, share) in [("loss", loss), ("duplicate", duplicate)] {
        if !(0.0..=0.5).contains(share.get_ref()) {
            let rule = format!("{what} = {}, it must be 0 to 0.5", share.get_ref());
            return Err(place.fault(&share.span(), rule));
        }
    }
    Ok(())
}

/// A step about etcd needs one.
pub(super) fn check_step(
    place: &Place<'_>,
    cluster: &Cluster,
    step: &step::Step,
    what: &Spanned<String>,
) -> Result<(), Fault> {
    let is_of_etcd = matches!(step, step::Step::CrashMember(..));
    if is_of_etcd && *cluster.ledger.get_ref() != Store::Etcd {
        return Err(place.fault(&what.span(), "there is no etcd without ledger = \"etcd\""));
    }
    Ok(())
}

pub(super) fn check_token(place: &Place<'_>, token: &Token) -> Result<(), Fault> {
    let [shortest, longest] = *token.hold_s.get_ref();
    if !(0.001..=longest).contains(&shortest) || longest > HOLD_MAX_S {
        let rule = "hold_s = [shortest, longest] with 0.001 <= shortest <= longest <= 20";
        return Err(place.fault(&token.hold_s.span(), rule));
    }
    if !(0.0..=60.0).contains(token.pause_s.get_ref()) {
        return Err(place.fault(&token.pause_s.span(), "pause_s must be 0 to 60"));
    }
    if *token.max_down.get_ref() != 1 {
        let rule = "max_down must be 1: no server fails on purpose while another is down";
        return Err(place.fault(&token.max_down.span(), rule));
    }
    if token.fault.silent + token.fault.announced == 0 {
        return Err(place.fault(&token.hold_s.span(), "fault needs a weight above 0"));
    }
    Ok(())
}

pub(super) fn check_orders(place: &Place<'_>, orders: &Orders) -> Result<(), Fault> {
    if !(1..=64).contains(orders.people.get_ref()) {
        let rule = format!(
            "people = {}, there must be 1 to 64",
            orders.people.get_ref()
        );
        return Err(place.fault(&orders.people.span(), rule));
    }
    let rate = *orders.rate_per_s.get_ref();
    if !(rate > 0.0 && rate <= 1_000.0) {
        let rule = format!("rate_per_s = {rate}, it must be above 0, at most 1000");
        return Err(place.fault(&orders.rate_per_s.span(), rule));
    }
    Ok(())
}

pub(super) fn check_person(
    place: &Place<'_>,
    name: &Spanned<String>,
    names: &[String],
) -> Result<(), Fault> {
    if names.contains(name.get_ref()) {
        return Ok(());
    }
    let rule = format!(
        "no client is called {:?}, there are {}",
        name.get_ref(),
        names.join(", ")
    );
    Err(place.fault(&name.span(), rule))
}

pub(super) fn check_views(place: &Place<'_>, views: &Spanned<u32>) -> Result<(), Fault> {
    if (1..=VIEWS_MAX).contains(views.get_ref()) {
        return Ok(());
    }
    let rule = format!("views = {}, it must be 1 to {VIEWS_MAX}", views.get_ref());
    Err(place.fault(&views.span(), rule))
}

pub(super) fn check_load(place: &Place<'_>, load: &Load, names: &[String]) -> Result<(), Fault> {
    let some = match load.clients.as_ref().map(|who| (who.span(), who.get_ref())) {
        None => names.len(),
        Some((span, Who::First(count))) => {
            if !(1..=names.len()).contains(count) {
                let rule = format!("clients = {count}, there are {}", names.len());
                return Err(place.fault(&span, rule));
            }
            *count
        }
        Some((span, Who::Named(who))) => {
            for name in who {
                check_person(place, &Spanned::new(span.clone(), name.clone()), names)?;
            }
            who.len()
        }
    };
    let sharing = matches!(load.op.get_ref(), Op::Share);
    if some == 0 || (sharing && names.len() < 2) {
        let rule = "nobody can do this: name clients; sharing takes two";
        return Err(place.fault(&load.op.span(), rule));
    }
    let rate = *load.rate_per_s.get_ref();
    if !(rate > 0.0 && rate <= 1_000.0) {
        let rule = format!("rate_per_s = {rate}, it must be above 0, at most 1000");
        return Err(place.fault(&load.rate_per_s.span(), rule));
    }
    let lasts = *load.for_s.get_ref();
    if !(lasts > 0.0 && load.from_s >= 0.0 && load.from_s + lasts <= LENGTH_MAX_S) {
        let rule = format!("from_s + for_s must be above 0, at most {LENGTH_MAX_S}");
        return Err(place.fault(&load.for_s.span(), rule));
    }
    let [smallest, largest] = *load.image_bytes.get_ref();
    if smallest > largest || largest > IMAGE_MAX_BYTES {
        let rule = format!(
            "image_bytes = [smallest, largest] with smallest <= largest <= {IMAGE_MAX_BYTES}"
        );
        return Err(place.fault(&load.image_bytes.span(), rule));
    }
    Ok(())
}

pub(super) fn invariants(
    place: &Place<'_>,
    raw: RawInvariants,
    known: Known,
    has_orders: bool,
) -> Result<Vec<String>, Fault> {
    let has = |name: &&&str| has_orders || !known.of_orders.contains(name);
    let known: Vec<&str> = known.invariants.iter().filter(has).copied().collect();
    let Some(on) = raw.on else {
        return Ok(known.into_iter().map(str::to_owned).collect());
    };
    for name in &on {
        if !known.contains(&name.get_ref().as_str()) {
            let rule = format!(
                "unknown invariant {:?}, expected one of {}",
                name.get_ref(),
                known.join(", ")
            );
            return Err(place.fault(&name.span(), rule));
        }
    }
    Ok(on.into_iter().map(Spanned::into_inner).collect())
}

pub(super) fn thresholds(
    place: &Place<'_>,
    raw: &RawThresholds,
    known: &[&str],
) -> Result<Vec<Threshold>, Fault> {
    let read = |(metric, bound): (&Spanned<String>, &Spanned<String>)| {
        if !known.contains(&metric.get_ref().as_str()) {
            let rule = format!(
                "unknown metric {:?}, expected one of {}",
                metric.get_ref(),
                known.join(", ")
            );
            return Err(place.fault(&metric.span(), rule));
        }
        Threshold::parse(metric.get_ref(), bound.get_ref())
            .map_err(|wrong| place.fault(&bound.span(), wrong))
    };
    raw.iter().map(read).collect()
}
