//! What must hold for identity as a whole. The keys are made anew in each run.

mod api_keys;
mod forge;
mod hostile;
mod keys;
mod laws;
mod workloads;
mod wycheproof;
mod xfcc;

use super::Actor;
use super::Algorithm;
use super::Ambiguous;
use super::Auth;
use super::ClaimNames;
use super::Credential;
use super::Issuer;
use super::Keyring;
use super::Kind;
use super::KindRule;
use super::Rejected;
use super::credential;
use crate::ids::TenantPath;
use crate::limits;
use forge::Forge;
use forge::NOW;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use serde_json::json;

#[test]
fn a_good_token_of_every_algorithm_becomes_its_principal() {
    for algorithm in
        [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256]
    {
        let forge = Forge::new(algorithm);
        let verified = forge.verify(&forge.token(&forge.claims())).unwrap();
        assert_eq!(verified.expires, NOW + 60, "{algorithm}");
        let principal = &verified.principal;
        assert_eq!((principal.kind, &*principal.id), (Kind::User, "ann"));
        assert_eq!(principal.tenant, TenantPath::parse("acme/west").ok());
        assert_eq!(principal.roles, [Box::from("clinician"), "nurse".into()]);
        assert_eq!(principal.groups, [Box::from("all staff")]);
        assert_eq!(principal.scopes, [Box::from("a"), "b".into()]);
        assert_eq!(principal.auth, Auth::Jwt { issuer: forge::ISSUER.into() });
        assert_eq!(principal.actor, None);
    }
}

#[test]
fn an_issuer_is_chosen_by_its_exact_name_and_judged_by_its_own_keys() {
    let (one, other) = (Forge::new(Algorithm::Es256), Forge::new(Algorithm::Es256));
    let second = Issuer { issuer: "https://other".into(), ..other.issuer() };
    let keyring = Keyring::build(&[one.issuer(), second], None).unwrap();
    let of = |forge: &Forge, iss: &str| {
        let mut claims = forge.claims();
        claims["iss"] = iss.into();
        let token = forge.token(&claims);
        keyring.verify(Credential::Bearer(token.as_bytes()), NOW).map(|_| ())
    };
    assert_eq!(of(&one, forge::ISSUER), Ok(()));
    assert_eq!(of(&other, "https://other"), Ok(()));
    assert_eq!(of(&other, forge::ISSUER), Err(Rejected::Signature));
    assert_eq!(of(&one, "https://other"), Err(Rejected::Signature));
    assert_eq!(of(&one, "https://other/"), Err(Rejected::UnknownIssuer));
    assert_eq!(of(&one, "HTTPS://other"), Err(Rejected::UnknownIssuer));
}

#[test]
fn an_issuer_bound_to_a_tenant_speaks_for_no_other() {
    let mut forge = Forge::new(Algorithm::Es256);
    forge.settings.tenants = TenantPath::parse("acme/west").ok();
    let with = |tenant| forge.verify(&forge.with("tenant", tenant)).map(|seen| seen.principal.tenant.clone());
    assert_eq!(with(json!("acme/west/sf1")), Ok(TenantPath::parse("acme/west/sf1").ok()));
    for foreign in ["acme", "acme/west2", "acme/east", "globex"] {
        assert_eq!(with(json!(foreign)), Err(Rejected::ForeignTenant), "{foreign}");
    }
    assert_eq!(forge.verify(&forge.without("tenant")).unwrap().principal.tenant, None, "never by omission");
    forge.settings.claims.tenant = String::new();
    let seen = forge.verify(&forge.with("tenant", json!("globex"))).unwrap();
    assert_eq!(seen.principal.tenant, TenantPath::parse("acme/west").ok());
}

#[test]
fn claims_are_found_by_name_or_by_pointer_and_kinds_by_rule() {
    let mut forge = Forge::new(Algorithm::EdDsa);
    forge.settings.claims = ClaimNames {
        tenant: "https://app/tenant".into(),
        roles: "/realm_access/roles".into(),
        groups: "/a~1b/c".into(),
        scopes: String::new(),
    };
    forge.settings.kind = KindRule::Claim { name: "gty".into(), service: "client-credentials".into() };
    let mut claims = forge.claims();
    claims["https://app/tenant"] = "acme".into();
    claims["realm_access"] = json!({"roles": ["r2", "r1", "r2"]});
    claims["a/b"] = json!({"c": "g"});
    claims["gty"] = "client-credentials".into();
    claims["act"] = json!({"sub": "bot", "gty": "password", "act": {"sub": "old"}});
    let principal = forge.verify(&forge.token(&claims)).unwrap().principal;
    assert_eq!(principal.kind, Kind::Service);
    assert_eq!(principal.tenant, TenantPath::parse("acme").ok());
    assert_eq!(principal.roles, [Box::from("r1"), "r2".into()]);
    assert_eq!(principal.groups, [Box::from("g")]);
    assert!(principal.scopes.is_empty());
    let old = Actor { kind: Kind::User, id: "old".into(), actor: None };
    assert_eq!(
        principal.actor,
        Some(Actor { kind: Kind::User, id: "bot".into(), actor: Some(Box::new(old)) })
    );
}

#[test]
fn a_chain_of_actors_is_bounded_and_stays_with_one_issuer() {
    let forge = Forge::new(Algorithm::EdDsa);
    let chain = |depth| (0..depth).fold(json!({"sub": "first"}), |act, _| json!({"sub": "next", "act": act}));
    let verify = |act| forge.verify(&forge.with("act", act)).map(|_| ());
    assert_eq!(verify(chain(limits::DELEGATION_DEPTH_MAX - 1)), Ok(()));
    for act in [
        chain(limits::DELEGATION_DEPTH_MAX),
        json!("bot"),
        json!(null),
        json!([{"sub": "bot"}]),
        json!({}),
        json!({"sub": 1}),
        json!({"sub": ""}),
        json!({"sub": "bot", "iss": "https://elsewhere"}),
        json!({"sub": "bot", "act": "x"}),
    ] {
        assert_eq!(verify(act.clone()), Err(Rejected::BadActor), "{act}");
    }
    assert_eq!(verify(json!({"sub": "bot", "iss": forge::ISSUER})), Ok(()));
}

#[test]
fn a_request_has_exactly_one_credential_or_none() {
    let key = HeaderName::from_static("x-api-key");
    let find = |lines: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        credential(&headers, &key)
            .map(|found| found.map(|one| format!("{:?}", one == Credential::Bearer(b"t"))))
    };
    let (bearer, api_key) = (Ok(Some("true".to_owned())), Ok(Some("false".to_owned())));
    assert_eq!(find(&[]), Ok(None));
    assert_eq!(find(&[("authorization", "Bearer t")]), bearer);
    assert_eq!(find(&[("authorization", "bEARER t")]), bearer);
    assert_eq!(find(&[("x-api-key", "i.s")]), api_key);
    for several in [
        [("authorization", "Bearer t"), ("authorization", "Bearer t")],
        [("authorization", "Bearer t"), ("x-api-key", "i.s")],
        [("authorization", "Basic eA=="), ("x-api-key", "i.s")],
        [("x-api-key", "i.s"), ("x-api-key", "i.s")],
    ] {
        assert_eq!(find(&several), Err(Ambiguous::Several), "{several:?}");
    }
    for other in ["Basic eA==", "", "Bearer", "Bearert", "DPoP x", "Bearer\tt"] {
        assert_eq!(find(&[("authorization", other)]), Err(Ambiguous::OtherScheme), "{other:?}");
    }
    for wrong in ["Bearer ", "Bearer  t", "Bearer t ", "Bearer a, Bearer b", "Bearer a,b"] {
        assert_eq!(find(&[("authorization", wrong)]), Err(Ambiguous::Malformed), "{wrong:?}");
    }
}

#[test]
fn no_credential_shows_in_any_debug_output() {
    let forge = Forge::new(Algorithm::EdDsa);
    let secret = b"i.secret";
    let keyring = Keyring::build(&[forge.issuer()], None).unwrap();
    let shown = format!("{:?} {:?} {keyring:?}", Credential::Bearer(secret), Credential::ApiKey(secret));
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<_> = Rejected::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(names.len(), Rejected::ALL.len());
}
