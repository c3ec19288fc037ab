//! A server's signature under passes.
//!
//! A server has one key pair, X25519, and everybody has its public half in their list of servers.
//! Passes are signed with that pair, too, so there is no second key to hand out, to pin and to
//! replace: whoever can reach a server can check what it signed, also while it is down. The
//! signature is that of `XEdDSA` (T. Perrin, 2016): an Ed25519 signature whose public key is the
//! point with the coordinate of the X25519 key and an even x; a server whose point is the other one
//! signs with the negated secret. The nonce is derived from the secret and the message, as in
//! RFC 8032, and not drawn. That one pair may serve for both is shown by E. Thormarker, "On using
//! the same key pair for Ed25519 and an X25519 based KEM" (2021); what is signed begins with a
//! domain of its own, and no handshake hashes that.

use core::fmt;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{Sha512, VerifyingKey};

use super::identity::framed;
use super::static_key::StaticSecret;
use crate::proto::codec;
use crate::proto::identity::{PublicKey, Signature};
use crate::proto::ids::{NodeId, UserId};
use crate::proto::pass::Pass;
use crate::time::WallTime;

const PASS_DOMAIN: &str = "pentimento 1 pass";

/// What a server signs with. Never printed; its secret is wiped when it is dropped.
pub struct PassSigner {
    secret: ExpandedSecretKey,
    public: VerifyingKey,
}

impl fmt::Debug for PassSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PassSigner")
    }
}

impl PassSigner {
    /// Signs with the key pair of a server.
    #[must_use]
    pub fn new(secret: &StaticSecret) -> Self {
        let scalar = Scalar::from_bytes_mod_order(clamp_integer(*secret.bytes()));
        let has_even_x = EdwardsPoint::mul_base(&scalar).compress().0[31] & 0x80 == 0;
        let scalar = if has_even_x { scalar } else { -scalar };
        let secret = ExpandedSecretKey {
            scalar,
            hash_prefix: blake3::derive_key("pentimento 1 pass nonces", secret.bytes()),
        };
        Self {
            public: VerifyingKey::from(&secret),
            secret,
        }
    }

    /// The pass of `asker` for `peer`.
    #[must_use]
    pub fn pass(&self, asker: UserId, peer: UserId, until: WallTime, server: NodeId) -> Pass {
        let message = framed(PASS_DOMAIN, &signed(asker, peer, until, server));
        let signature = raw_sign::<Sha512>(&self.secret, &message, &self.public);
        Pass {
            asker,
            peer,
            until,
            server,
            signature: Signature([*signature.r_bytes(), *signature.s_bytes()]),
        }
    }
}

/// Whether a pass is signed by the server with this key.
#[must_use]
pub fn verify(key: &PublicKey, pass: &Pass) -> bool {
    let Some(point) = MontgomeryPoint(key.0).to_edwards(0) else {
        return false;
    };
    let Ok(key) = VerifyingKey::from_bytes(&point.compress().0) else {
        return false;
    };
    let signature =
        ed25519_dalek::Signature::from_components(pass.signature.0[0], pass.signature.0[1]);
    let message = signed(pass.asker, pass.peer, pass.until, pass.server);
    key.verify_strict(&framed(PASS_DOMAIN, &message), &signature)
        .is_ok()
}

fn signed(asker: UserId, peer: UserId, until: WallTime, server: NodeId) -> Vec<u8> {
    codec::encode(&(asker, peer, until, server))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass_of(secret: &StaticSecret) -> Pass {
        let (asker, peer) = (UserId([1; 32]), UserId([2; 32]));
        PassSigner::new(secret).pass(asker, peer, WallTime(5), NodeId(3))
    }

    #[test]
    fn every_server_key_signs_and_its_public_half_verifies() {
        // Half of all keys have the point with an odd x.
        let mut odd = 0;
        for seed in 0..32_u8 {
            let secret = StaticSecret::from_bytes(blake3::derive_key("key", &[seed]));
            assert!(verify(&secret.public(), &pass_of(&secret)), "key {seed}");
            let point = EdwardsPoint::mul_base_clamped(*secret.bytes());
            assert_eq!(point.to_montgomery().0, secret.public().0);
            odd += u32::from(point.compress().0[31] & 0x80 != 0);
        }
        assert!((1..32).contains(&odd), "{odd} of 32");
    }

    #[test]
    fn a_pass_cannot_be_changed_nor_be_another_server_s() {
        let secret = StaticSecret::from_bytes([7; 32]);
        let pass = pass_of(&secret);
        let mut bent = pass.signature;
        bent.0[0][3] ^= 1;
        let changed = [
            Pass {
                asker: UserId([9; 32]),
                ..pass
            },
            Pass {
                peer: UserId([9; 32]),
                ..pass
            },
            Pass {
                until: WallTime(6),
                ..pass
            },
            Pass {
                server: NodeId(1),
                ..pass
            },
            Pass {
                signature: bent,
                ..pass
            },
        ];
        for changed in changed {
            assert!(!verify(&secret.public(), &changed), "{changed:?}");
        }
        let other = StaticSecret::from_bytes([8; 32]);
        assert!(!verify(&other.public(), &pass));
    }

    #[test]
    fn keys_of_no_order_verify_nothing() {
        let secret = StaticSecret::from_bytes([7; 32]);
        let pass = Pass {
            signature: Signature([[0; 32]; 2]),
            ..pass_of(&secret)
        };
        for key in [[0; 32], [1; 32], [0xff; 32]] {
            assert!(!verify(&PublicKey(key), &pass));
        }
    }
}
