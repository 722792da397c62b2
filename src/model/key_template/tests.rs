//! What finding a DataKey promises.

use super::*;
use http::HeaderValue;
use proptest::prelude::*;

fn resolve(template: &str, query: &str, headers: &[(&'static str, &str)]) -> Result<String, KeyUnresolved> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let tenant = TenantPath::parse("acme/west").unwrap();
    let template = KeyTemplate::parse(template).unwrap();
    template.resolve(&tenant, &Params::none(), Some(query), &map).map(|key| key.to_string())
}

#[test]
fn each_source_is_read() {
    assert_eq!(resolve("{tenant}", "", &[]).unwrap(), "acme/west");
    assert_eq!(resolve("{tenant}/claims", "", &[]).unwrap(), "acme/west/claims");
    assert_eq!(resolve("shared/codes", "", &[]).unwrap(), "shared/codes");
    assert_eq!(resolve("acme/{query.site}", "a=b&site=sf1", &[]).unwrap(), "acme/sf1");
    assert_eq!(resolve("{header.x-site}/x", "", &[("x-site", "acme.east")]).unwrap(), "acme/east/x");
    assert_eq!(KeyTemplate::default(), KeyTemplate::parse("{tenant}").unwrap());
}

#[test]
fn a_value_given_twice_in_any_spelling_is_ambiguous() {
    for query in [
        "site=a&site=a",
        "site=a&SITE=b",
        "site=a&%73ite=b",
        "site=a;site=b",
        "site=a&site[]=b",
        "site=a&site%5B0%5D=b",
        "%73ite=a",
        "Site=a",
        "site[]=a",
        "site=a&+site=b",
        "site=a&site%00=b&site",
    ] {
        assert_eq!(
            resolve("{query.site}", query, &[]),
            Err(KeyUnresolved::Ambiguous("query.site".into())),
            "{query}"
        );
    }
    let twice = [("x-site", "a"), ("x-site", "a")];
    assert_eq!(resolve("{header.x-site}", "", &twice), Err(KeyUnresolved::Ambiguous("header.x-site".into())));
    assert_eq!(resolve("{query.site}", "sites=a&x", &[]), Err(KeyUnresolved::Missing("query.site".into())));
    assert_eq!(resolve("{header.x-site}", "", &[]), Err(KeyUnresolved::Missing("header.x-site".into())));
}

#[test]
fn a_template_that_cannot_be_read_is_refused() {
    for text in [
        "",
        "/",
        "a/",
        "{tenant}/",
        "x/{tenant}",
        "{tenant",
        "{Tenant}",
        "{path}",
        "{path.}",
        "{query.}",
        "{header.}",
        "{header.a b}",
        "{cookie.x}",
        "A",
        "a.b",
        "{}",
    ] {
        assert!(KeyTemplate::parse(text).is_err(), "{text:?}");
    }
    assert!(KeyTemplate::parse(&["a"; 17].join("/")).is_err());
}

#[test]
fn an_answer_never_tells_what_was_found() {
    let error = resolve("{query.site}", "site=Secret%2F", &[]).unwrap_err();
    assert_eq!(error.to_string(), "`query.site` of the request does not name a slice of data");
    assert_eq!(
        resolve("{query.site}", &format!("site={}", ["a"; 40].join(".")), &[]),
        Err(KeyUnresolved::TooDeep)
    );
}

fn odd_values() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9.-]{0,12}",
        "[a-z0-9]{1,3}[./][a-z0-9]{1,3}",
        "[a-zA-Z0-9./%_~ -]{0,12}",
        "[ -:<-~&&[^&;]]{0,8}",
        Just("..".to_owned()),
        Just("a%2fb".to_owned())
    ]
}

proptest! {
    #[test]
    fn only_segments_in_their_one_spelling_make_a_key(value in odd_values()) {
        let by_query = resolve("{query.v}", &format!("v={value}"), &[]);
        let by_header = resolve("top/{header.v}", "", &[("v", &value)]);
        let fine = value.split('.').all(|segment| !segment.contains('/') && DataKey::parse(segment).is_ok());
        if fine {
            let spelled = value.replace('.', "/");
            prop_assert_eq!(by_query.unwrap(), spelled.clone());
            prop_assert_eq!(by_header.unwrap(), format!("top/{spelled}"));
        } else {
            prop_assert!(by_query.is_err());
            prop_assert!(by_header.is_err());
        }
    }

    #[test]
    fn no_query_makes_the_reader_panic(query in "\\PC{0,40}", escaped in "(site|%[0-9a-zA-Z]{0,2}|[=&;+\\[]){0,12}") {
        drop(resolve("{query.site}", &query, &[]));
        drop(resolve("{query.site}", &escaped, &[]));
    }
}
