//! People, as text and as JSON.

use serde_json::{Value, json};

use super::Said;
use crate::proto::ids::UserId;
use crate::proto::notice::{LeaseNews, Notice, Noticed};
use crate::proto::outcome::Peer;
use crate::proto::pairing;
use crate::proto::route::Reached;
use crate::terminal::text::{table, when};

/// Known people.
#[must_use]
pub fn peers(peers: &[Peer], fresh: bool) -> Said {
    let rows: Vec<Vec<String>> = peers
        .iter()
        .map(|peer| {
            let state = if peer.online {
                "online".to_owned()
            } else {
                format!("seen {}", when(peer.last_seen.0))
            };
            vec![
                format!("@{}", peer.name),
                state,
                way(peer),
                trust(peer).into(),
                pairing::words(&peer.user).join(" "),
            ]
        })
        .collect();
    let mut text = table(&["name", "state", "way", "trust", "words"], &rows);
    if !fresh {
        text.push_str("\nno server answers: this is what your client remembers");
    }
    let json = peers.iter().map(peer_json);
    Said {
        text,
        json: json!({ "fresh": fresh, "peers": json.collect::<Vec<_>>() }),
    }
}

/// One person after a change.
#[must_use]
pub fn peer(peer: &Peer) -> Said {
    Said {
        text: format!(
            "@{} is {}: {}",
            peer.name,
            trust(peer),
            pairing::words(&peer.user).join(" ")
        ),
        json: peer_json(peer),
    }
}

/// Who I am.
#[must_use]
pub fn own_id(name: &str, user: &UserId) -> Said {
    let (words, code) = (pairing::words(user), pairing::code(name, user));
    Said {
        text: format!(
            "@{name}\nid     {}\nwords  {}\ncode   {code}",
            user.hex(),
            words.join(" ")
        ),
        json: json!({ "name": name, "user": user.hex(), "words": words, "code": code }),
    }
}

/// How a person is reached.
fn way(peer: &Peer) -> String {
    match peer.reached {
        Some(Reached::Direct) => "direct".to_owned(),
        Some(Reached::Relayed(node)) => format!("relayed by {node}"),
        None => "not yet".to_owned(),
    }
}

const fn trust(peer: &Peer) -> &'static str {
    match peer {
        Peer { blocked: true, .. } => "blocked",
        Peer { conflict: true, .. } => "conflict: another key claims this name",
        Peer { verified: true, .. } => "verified",
        _ => "unverified",
    }
}

fn peer_json(peer: &Peer) -> Value {
    json!({
        "name": peer.name,
        "user": peer.user.hex(),
        "words": pairing::words(&peer.user),
        "online": peer.online,
        "last_seen_ms": peer.last_seen.0,
        "conflict": peer.conflict,
        "known": peer.known,
        "verified": peer.verified,
        "blocked": peer.blocked,
        "way": match peer.reached {
            Some(Reached::Direct) => "direct",
            Some(Reached::Relayed(_)) => "relayed",
            None => "none",
        },
        "relay": match peer.reached {
            Some(Reached::Relayed(node)) => Some(node.to_string()),
            _ => None,
        },
    })
}

/// A notice as one line, and as one object.
#[must_use]
pub fn notice(noticed: &Noticed) -> Said {
    let (kind, text, mut json) = told(&noticed.notice);
    json["schema"] = json!(1);
    json["number"] = json!(noticed.number);
    json["at_ms"] = json!(noticed.at.0);
    json["kind"] = json!(kind);
    Said {
        text: format!("{}  {text}", when(noticed.at.0)),
        json,
    }
}

fn told(notice: &Notice) -> (&'static str, String, Value) {
    match notice {
        Notice::AskArrived {
            ask,
            peer,
            image,
            views,
        } => (
            "ask_arrived",
            format!("@{peer} asks for {views} looks at {image}: request {ask}"),
            json!({ "ask": ask.hex(), "peer": peer, "image": image, "views": views }),
        ),
        Notice::AskAnswered {
            ask,
            peer,
            image,
            views,
        } => (
            "ask_answered",
            match views {
                Some(views) => format!("@{peer} grants {views} looks at {image}: request {ask}"),
                None => format!("@{peer} denies looks at {image}: request {ask}"),
            },
            json!({ "ask": ask.hex(), "peer": peer, "image": image, "views": views }),
        ),
        Notice::AskWithdrawn { ask, peer } => (
            "ask_withdrawn",
            format!("@{peer} took request {ask} back"),
            json!({ "ask": ask.hex(), "peer": peer }),
        ),
        Notice::Lease {
            grant,
            name,
            ours,
            peer,
            left,
            what,
        } => {
            let way = if *ours { "to" } else { "from" };
            (
                "lease",
                format!("{name} {way} @{peer}: {}, {left} left", happened(*what)),
                json!({
                    "lease": grant.hex(),
                    "image": name,
                    "ours": ours,
                    "peer": peer,
                    "left": left,
                    "what": what,
                }),
            )
        }
        Notice::Offers => ("offers", "your gallery changed".to_owned(), json!({})),
    }
}

fn happened(what: LeaseNews) -> String {
    match what {
        LeaseNews::Granted => "granted".to_owned(),
        LeaseNews::Delivered => "delivered".to_owned(),
        LeaseNews::Viewed { ordinal } => format!("look {ordinal} counted"),
        LeaseNews::Changed => "changed by its owner".to_owned(),
        LeaseNews::Ended(reason) => format!("ended ({reason:?})").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ids::{AskId, GrantId, NodeId};
    use crate::time::WallTime;

    fn bob() -> Peer {
        Peer {
            name: "bob".to_owned(),
            user: UserId([7; 32]),
            online: true,
            last_seen: WallTime(1),
            conflict: false,
            known: true,
            verified: true,
            blocked: false,
            reached: None,
        }
    }

    #[test]
    fn what_matters_most_of_a_person_is_told() {
        assert_eq!(trust(&bob()), "verified");
        let conflict = Peer {
            conflict: true,
            ..bob()
        };
        assert!(trust(&conflict).starts_with("conflict"));
        let blocked = Peer {
            blocked: true,
            ..conflict
        };
        assert_eq!(trust(&blocked), "blocked");
    }

    #[test]
    fn the_way_is_told_with_the_server_that_passes_on() {
        let told = |reached| {
            let bob = Peer { reached, ..bob() };
            let json = peer_json(&bob);
            (way(&bob), json["way"].clone(), json["relay"].clone())
        };
        let direct = told(Some(Reached::Direct));
        assert_eq!(direct, ("direct".into(), "direct".into(), Value::Null));
        let relayed = told(Some(Reached::Relayed(NodeId(2))));
        assert_eq!(
            relayed,
            ("relayed by n2".into(), "relayed".into(), "n2".into())
        );
        let none = told(None);
        assert_eq!(none, ("not yet".into(), "none".into(), Value::Null));
    }

    #[test]
    fn the_list_shows_the_words_of_each() {
        let said = peers(&[bob()], false);
        let words = pairing::words(&bob().user).join(" ");
        assert!(said.text.contains(&words), "{}", said.text);
        assert!(said.text.contains("no server answers"));
        assert_eq!(
            said.json["peers"][0]["words"][5],
            pairing::words(&bob().user)[5]
        );
        assert!(peer(&bob()).text.contains(&words));
    }

    #[test]
    fn an_id_is_shown_in_every_form() {
        let said = own_id("bob", &bob().user);
        let code = said.json["code"].as_str().expect("a code");
        assert_eq!(pairing::parse(code), Ok(("bob".to_owned(), bob().user)));
        for part in [code, &bob().user.hex(), "@bob"] {
            assert!(said.text.contains(part), "{part}");
        }
    }

    #[test]
    fn every_notice_is_one_line_and_one_object() {
        let ask = AskId([1; 16]);
        let (peer, image) = ("bob".to_owned(), "beach".to_owned());
        let lease = |what| Notice::Lease {
            grant: GrantId([2; 16]),
            name: image.clone(),
            ours: true,
            peer: peer.clone(),
            left: 1,
            what,
        };
        let arrived = Notice::AskArrived {
            ask,
            peer: peer.clone(),
            image: image.clone(),
            views: 2,
        };
        let notices = [
            arrived,
            Notice::AskAnswered {
                ask,
                peer: peer.clone(),
                image: image.clone(),
                views: None,
            },
            Notice::AskWithdrawn {
                ask,
                peer: peer.clone(),
            },
            lease(LeaseNews::Granted),
            lease(LeaseNews::Viewed { ordinal: 3 }),
            Notice::Offers,
        ];
        for (number, one) in notices.into_iter().enumerate() {
            let noticed = Noticed {
                number: number as u64,
                at: WallTime(5),
                notice: one,
            };
            let said = notice(&noticed);
            assert_eq!(said.text.lines().count(), 1);
            assert_eq!(said.json["number"], number);
            let kind = said.json["kind"].as_str().expect("a kind");
            let own = serde_json::to_string(&noticed.notice).expect("to JSON");
            assert!(own.contains(kind), "{kind} names {own}");
        }
    }
}
