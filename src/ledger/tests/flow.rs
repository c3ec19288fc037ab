//! A strict look from end to end, with the ledger and the shares of three servers.

use super::*;
use crate::crypto::shares::{self, Purpose, Secret, Share};
use crate::crypto::static_key::StaticSecret;

const SERVERS_PART: [u8; 32] = [0x51; 32];
const BORROWERS_PART: [u8; 32] = [0x62; 32];

/// A server: its ledger, its key, and the sealed shares on its disk, by account and round.
struct Server {
    ledger: Ledger,
    key: StaticSecret,
    index: u8,
    shelf: BTreeMap<(AccountId, u32), Vec<u8>>,
}

impl Server {
    fn new(index: u8) -> Self {
        Self {
            ledger: Ledger::default(),
            key: StaticSecret::from_bytes([index; 32]),
            index,
            shelf: BTreeMap::new(),
        }
    }

    const fn keep(&self, account: AccountId, round: u32) -> Purpose {
        Purpose::Keep {
            account,
            round,
            index: self.index,
        }
    }

    /// Applies an entry and carries out what follows; returns the share for a look.
    fn apply(&mut self, seq: u64, entry: &Entry) -> Option<(Release, Vec<u8>)> {
        let applied = self.ledger.apply(seq, entry);
        let mut sent = None;
        for effect in applied.effects {
            match effect {
                Effect::Release(release) => sent = self.release(release),
                Effect::Erase { account, round } => self
                    .shelf
                    .retain(|(of, kept), _| *of != account || *kept > round),
                Effect::Lend(_) | Effect::Forked { .. } => {}
            }
        }
        sent
    }

    fn release(&self, release: Release) -> Option<(Release, Vec<u8>)> {
        let sealed = self.shelf.get(&(release.account, release.round))?;
        let keep = self.keep(release.account, release.round);
        let share = Share::open(&self.key, &keep, sealed).expect("is ours");
        let reader = crate::proto::identity::PublicKey(release.reply_key);
        let resealed = share.seal(&reader, &look(self.index, &release), [self.index; 32]);
        Some((release, resealed.expect("is a key").to_vec()))
    }
}

const fn look(index: u8, release: &Release) -> Purpose {
    Purpose::Look {
        account: release.account,
        round: release.round,
        index,
        view: release.view,
        ordinal: release.ordinal,
        remaining: release.remaining,
        seq: release.seq,
    }
}

/// The owner's part: shares on the shelves of the servers, and their hashes.
fn give_shares(servers: &mut [Server], round: u32) -> Vec<Digest> {
    let split = shares::split(&SERVERS_PART, 2, 3, [9; 32]).expect("two of three");
    for (server, share) in servers.iter_mut().zip(&split) {
        let purpose = server.keep(account(), round);
        let sealed = share.seal(&server.key.public(), &purpose, [7; 32]);
        let sealed = sealed.expect("is a key").to_vec();
        server.shelf.insert((account(), round), sealed);
    }
    split.iter().map(Share::hash).collect()
}

/// The borrower's part: the servers' secret, from what they sent for one look.
fn combine(
    key: &StaticSecret,
    sent: &[(u8, Release, Vec<u8>)],
    hashes: &[Digest],
) -> Option<Secret> {
    let shares: Vec<Share> = sent
        .iter()
        .filter_map(|(index, release, sealed)| {
            Share::open(key, &look(*index, release), sealed).ok()
        })
        .collect();
    shares::combine(&shares, 2, hashes).ok()
}

#[test]
fn two_servers_that_counted_a_look_open_it_and_one_does_not() {
    let mut servers = [1, 2, 3].map(Server::new);
    let share_hashes = give_shares(&mut servers, 0);
    let mut seq = 0;
    let mut give = |servers: &mut [Server], who: u8, command: Command| {
        seq += 1;
        let at = WallTime(T0 + seq);
        let entry = Entry {
            stamp: at,
            signed: Some(identity(who).command(at, command)),
        };
        let sent = servers.iter_mut().filter_map(|server| {
            let (release, sealed) = server.apply(seq, &entry)?;
            Some((server.index, release, sealed))
        });
        sent.collect::<Vec<_>>()
    };
    let opening = Opening {
        share_hashes: share_hashes.clone(),
        ..opening(2, 0)
    };
    assert!(give(&mut servers, OWNER, Command::Open(opening)).is_empty());

    let view_key = StaticSecret::from_bytes([0x77; 32]);
    let look = |view| Command::Spend {
        account: account(),
        view: ViewId([view; 16]),
        reply_key: view_key.public().0,
        device: DeviceId([9; 16]),
    };
    let sent = give(&mut servers, BORROWER, look(1));
    assert_eq!(sent.len(), 3);
    let servers_part = combine(&view_key, &sent[..2], &share_hashes).expect("two are enough");
    assert_eq!(*servers_part, SERVERS_PART);
    assert_eq!(
        shares::other_part(&servers_part, &BORROWERS_PART),
        shares::other_part(&SERVERS_PART, &BORROWERS_PART)
    );
    assert!(combine(&view_key, &sent[2..], &share_hashes).is_none());
    // Nobody else reads them, and they are not for another look.
    let other = StaticSecret::from_bytes([0x78; 32]);
    assert!(combine(&other, &sent, &share_hashes).is_none());
    let mut misled = sent;
    misled
        .iter_mut()
        .for_each(|(_, release, _)| release.ordinal += 1);
    assert!(combine(&view_key, &misled, &share_hashes).is_none());

    // What is revoked is erased, and nothing is sent for it any more.
    assert!(give(&mut servers, OWNER, adjust(1, Change::Revoke)).is_empty());
    assert!(servers.iter().all(|server| server.shelf.is_empty()));
    assert!(give(&mut servers, BORROWER, look(2)).is_empty());
    let digests: BTreeSet<Digest> = servers.iter().map(|one| one.ledger.digest()).collect();
    assert_eq!(digests.len(), 1);
}
