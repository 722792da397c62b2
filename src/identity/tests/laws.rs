//! What holds for any bytes at all.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::super::Algorithm;
use super::super::Credential;
use super::super::Keyring;
use super::forge::Forge;
use super::forge::NOW;
use super::forge::encode;
use crate::ids::Digest;

fn made() -> &'static (Keyring, String) {
    static MADE: OnceLock<(Keyring, String)> = OnceLock::new();
    MADE.get_or_init(|| {
        let forge = Forge::new(Algorithm::Es256);
        let digest = Digest::of(b"secret");
        let keys = format!("keys: [{{id: k, sha256: {digest}, kind: user, principal: p, tenant: acme}}]");
        let keyring = Keyring::build(&[forge.issuer()], Some(("k", &keys))).unwrap();
        (keyring, forge.token(&forge.claims()))
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_never_believed(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (keyring, _) = made();
        prop_assert!(keyring.verify(Credential::Bearer(&bytes), NOW).is_err());
        prop_assert!(keyring.verify(Credential::ApiKey(&bytes), NOW).is_err());
    }

    #[test]
    fn arbitrary_parts_are_never_believed(
        head in "(\\{\"alg\":\"(ES256|none|HS256|RS256)\"(,\"kid\":\"k1\")?\\})|\\PC{0,40}",
        body in "\\{\"iss\":\"https://id.example\"(,\"[a-z]{3}\":(1|\"x\"|\\[\\]|1e9)){0,4}\\}|\\PC{0,40}",
        signature in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let token = format!("{}.{}.{}", encode(head), encode(body), encode(signature));
        prop_assert!(made().0.verify(Credential::Bearer(token.as_bytes()), NOW).is_err());
    }

    #[test]
    fn a_true_token_with_any_one_byte_changed_is_never_believed(at in any::<proptest::sample::Index>(), to in any::<u8>()) {
        let (keyring, token) = made();
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        prop_assert!(keyring.verify(Credential::Bearer(&bytes), NOW).is_err());
        prop_assert!(keyring.verify(Credential::Bearer(token.as_bytes()), NOW).is_ok());
    }

    #[test]
    fn arbitrary_files_of_keys_never_panic(text in "\\PC{0,200}", jwk in "\\{(\"(kty|n|e|x|y|kid|alg)\":\"[A-Za-z0-9-]{0,9}\",?){0,6}\\}") {
        drop(Keyring::build(&[], Some(("k", &text))));
        let mut issuer = Forge::new(Algorithm::EdDsa).issuer();
        for jwks in [text, format!("{{\"keys\":[{jwk}]}}")] {
            issuer.jwks = jwks.into();
            prop_assert!(Keyring::build(std::slice::from_ref(&issuer), None).is_err());
        }
    }
}
