//! A user's secret keys, and signatures made with them.
//!
//! Both key pairs are derived from one secret of 32 bytes, so an identity is one small file.
//! Every signature names its domain, so that none can be used for something else.

use core::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use hpke::kem::X25519HkdfSha256;
use hpke::{Kem, Serializable};
use zeroize::Zeroizing;

use crate::proto::codec;
use crate::proto::identity::{PublicIdentity, Signature};
use crate::proto::ids::UserId;
use crate::proto::ledger::{Command, Signed};
use crate::proto::packet::{Errand, ErrandKind};
use crate::time::WallTime;

const ERRAND_DOMAIN: &str = "pentimento 1 errand";
const COMMAND_DOMAIN: &str = "pentimento 1 ledger command";

/// A user's secret. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct SecretIdentity {
    secret: Zeroizing<[u8; 32]>,
    sign: SigningKey,
    pub(super) unseal: <X25519HkdfSha256 as Kem>::PrivateKey,
    public: PublicIdentity,
}

impl fmt::Debug for SecretIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretIdentity({})", self.user_id())
    }
}

impl SecretIdentity {
    /// The identity that belongs to this secret.
    #[must_use]
    pub fn from_secret(secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        let sign_seed = Zeroizing::new(blake3::derive_key("pentimento 1 signing key", &*secret));
        let seal_seed = Zeroizing::new(blake3::derive_key("pentimento 1 sealing key", &*secret));
        let sign = SigningKey::from_bytes(&sign_seed);
        let (unseal, seal) = X25519HkdfSha256::derive_keypair(&*seal_seed);
        let public = PublicIdentity {
            sign: sign.verifying_key().to_bytes(),
            seal: seal.to_bytes().into(),
        };
        Self {
            secret,
            sign,
            unseal,
            public,
        }
    }

    /// The secret, for the key file.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The public keys.
    #[must_use]
    pub const fn public(&self) -> &PublicIdentity {
        &self.public
    }

    /// The user id.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.public.user_id()
    }

    /// Signs `message` for `domain`.
    #[must_use]
    pub fn sign(&self, domain: &str, message: &[u8]) -> Signature {
        let bytes = self.sign.sign(&framed(domain, message)).to_bytes();
        let mut halves = [[0; 32]; 2];
        halves[0].copy_from_slice(&bytes[..32]);
        halves[1].copy_from_slice(&bytes[32..]);
        Signature(halves)
    }

    /// Makes a signed errand.
    #[must_use]
    pub fn errand(&self, epoch: WallTime, sequence: u64, kind: ErrandKind) -> Errand {
        let signed = codec::encode(&(&self.public, epoch, sequence, &kind));
        let signature = self.sign(ERRAND_DOMAIN, &signed);
        Errand {
            user: self.public,
            epoch,
            sequence,
            kind,
            signature,
        }
    }

    /// Signs an order to the ledger.
    #[must_use]
    pub fn command(&self, at: WallTime, command: Command) -> Signed {
        let bytes = codec::encode(&(&self.public, at, &command));
        Signed {
            principal: self.public,
            at,
            command,
            signature: self.sign(COMMAND_DOMAIN, &bytes),
        }
    }
}

/// Whether an order to the ledger is signed by the user it names.
#[must_use]
pub fn verify_command(signed: &Signed) -> bool {
    let bytes = codec::encode(&(&signed.principal, signed.at, &signed.command));
    verify(&signed.principal, COMMAND_DOMAIN, &bytes, &signed.signature)
}

/// Whether `signature` is `signer`'s for `message` in `domain`.
#[must_use]
pub fn verify(
    signer: &PublicIdentity,
    domain: &str,
    message: &[u8],
    signature: &Signature,
) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(&signer.sign) else {
        return false;
    };
    let bytes = [signature.0[0], signature.0[1]].concat();
    let Ok(signature) = ed25519_dalek::Signature::from_slice(&bytes) else {
        return false;
    };
    key.verify_strict(&framed(domain, message), &signature)
        .is_ok()
}

/// Whether an errand is signed by the user it names.
#[must_use]
pub fn verify_errand(errand: &Errand) -> bool {
    let signed = codec::encode(&(&errand.user, errand.epoch, errand.sequence, &errand.kind));
    verify(&errand.user, ERRAND_DOMAIN, &signed, &errand.signature)
}

/// The domain with its length before the message, so that no two pairs share their bytes.
pub(super) fn framed(domain: &str, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(domain.len() + message.len() + 8);
    bytes.extend_from_slice(&(domain.len() as u64).to_le_bytes());
    bytes.extend_from_slice(domain.as_bytes());
    bytes.extend_from_slice(message);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ids::{AccountId, DeviceId, ViewId};

    #[test]
    fn a_secret_always_gives_the_same_identity_and_another_secret_another() {
        let alice = SecretIdentity::from_secret([1; 32]);
        assert_eq!(
            alice.public(),
            SecretIdentity::from_secret([1; 32]).public()
        );
        assert_ne!(
            alice.user_id(),
            SecretIdentity::from_secret([2; 32]).user_id()
        );
    }

    #[test]
    fn a_signature_holds_for_its_message_domain_and_signer_only() {
        let alice = SecretIdentity::from_secret([1; 32]);
        let eve = SecretIdentity::from_secret([2; 32]);
        let signature = alice.sign("domain", b"message");
        assert!(verify(alice.public(), "domain", b"message", &signature));
        assert!(!verify(alice.public(), "domain", b"massage", &signature));
        assert!(!verify(alice.public(), "domainm", b"essage", &signature));
        assert!(!verify(eve.public(), "domain", b"message", &signature));
        let mut bent = signature;
        bent.0[1][3] ^= 1;
        assert!(!verify(alice.public(), "domain", b"message", &bent));
    }

    #[test]
    fn an_order_to_the_ledger_cannot_be_changed() {
        let alice = SecretIdentity::from_secret([1; 32]);
        let spend = |view| Command::Spend {
            account: AccountId([1; 16]),
            view: ViewId([view; 16]),
            reply_key: [2; 32],
            device: DeviceId([3; 16]),
        };
        let signed = alice.command(WallTime(5), spend(1));
        assert!(verify_command(&signed));
        let changed = [
            Signed {
                at: WallTime(6),
                ..signed.clone()
            },
            Signed {
                command: spend(2),
                ..signed.clone()
            },
            Signed {
                principal: *SecretIdentity::from_secret([2; 32]).public(),
                ..signed
            },
        ];
        assert!(!changed.iter().any(verify_command));
    }

    #[test]
    fn an_errand_cannot_be_changed() {
        let alice = SecretIdentity::from_secret([1; 32]);
        let errand = alice.errand(WallTime(5), 1, ErrandKind::Leave);
        assert!(verify_errand(&errand));
        assert!(!verify_errand(&Errand {
            sequence: 2,
            ..errand.clone()
        }));
        assert!(!verify_errand(&Errand {
            kind: ErrandKind::FetchMail,
            ..errand
        }));
    }
}
