//! What an OpenID provider says of itself (OpenID Connect Discovery 1.0, section 4.3).
//!
//! Never: believes a provider that says it is another one.

use http::Uri;
use serde_json::Value;

use crate::remote;

/// Where the keys of this issuer are.
///
/// # Errors
/// Says what is wrong with the document.
pub(super) fn keys_of(issuer: &str, document: &[u8]) -> Result<Uri, String> {
    let Ok(Value::Object(says)) = serde_json::from_slice(document) else {
        return Err("the provider's configuration is no JSON object".to_owned());
    };
    let text = |name: &str| says.get(name).and_then(Value::as_str);
    // The exact text: who mends a slash here mixes up two issuers.
    match text("issuer") {
        Some(said) if said == issuer => {}
        Some(_) => return Err("the provider's configuration is that of another issuer".to_owned()),
        None => return Err("the provider's configuration names no `issuer`".to_owned()),
    }
    let at = text("jwks_uri").ok_or("the provider's configuration names no `jwks_uri`")?;
    remote::web_url(at).map_err(|why| format!("`jwks_uri` in the provider's configuration: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.example/realms/a";

    #[test]
    fn a_provider_is_believed_where_it_names_itself_exactly() {
        let keys = |issuer: &str, uri: &str| {
            keys_of(ISSUER, format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}"}}"#).as_bytes())
        };
        assert_eq!(keys(ISSUER, "https://keys.example/k?v=1").unwrap(), "https://keys.example/k?v=1");
        for issuer in
            ["https://id.example/realms/a/", "https://ID.example/realms/a", "https://id.example", ""]
        {
            assert!(keys(issuer, "https://keys.example/k").is_err(), "{issuer}");
        }
        for uri in ["", "/k", "file:///k", "https://user@keys.example/k", "ftp://keys.example/k", "https://"]
        {
            assert!(keys(ISSUER, uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        for text in ["", "[]", "{", "{}", r#"{"issuer":1}"#, r#"{"issuer":"https://id.example/realms/a"}"#] {
            assert!(keys_of(ISSUER, text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_document_makes_it_fail(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            keys_of(ISSUER, &text).ok();
        }
    }
}
