//! The keys of the config about who may call.
//!
//! Never: holds a secret; keys are named by file or URL.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use super::spiffe::Spiffe;

/// Who may call.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Identity {
    /// The issuers of bearer tokens (JWT) that are trusted.
    pub(in crate::config) issuers: Vec<Issuer>,
    /// File with the API keys' hashes.
    pub(in crate::config) api_keys_file: Option<String>,
    /// Workloads that show a certificate of their own.
    #[serde(skip_serializing_if = "Spiffe::is_empty")]
    pub(in crate::config) spiffe: Spiffe,
    /// Header that carries an API key. Default: `x-api-key`.
    pub(in crate::config) api_key_header: Option<String>,
    /// How the app is told who calls, in a token that is signed.
    #[serde(skip_serializing)]
    pub(in crate::config) assertion: Assertion,
    /// Header in which a caller says what the data is for. Default: `x-purpose`.
    pub(in crate::config) purpose_header: Option<String>,
}

/// How the app is told who calls, in a short-lived token that is signed. It changes no decision.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Assertion {
    /// File with private keys (PKCS#8 in PEM; Ed25519 or ECDSA on P-256): the first signs, the others are only published.
    pub(in crate::config) key_file: Option<String>,
    /// The `iss` of the tokens. Required with a key.
    pub(in crate::config) issuer: Option<String>,
    /// Their `aud`. Required with a key.
    pub(in crate::config) audience: Option<String>,
    /// The header that carries one. Default: `x-palisade-assertion`.
    pub(in crate::config) header: Option<String>,
    /// How long one is good; `10s` to `1h`. Default: `60s`.
    pub(in crate::config) lifetime: Option<String>,
}

/// A trusted issuer of bearer tokens.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Issuer {
    /// The token's `iss`. Required.
    pub(in crate::config) issuer: Option<String>,
    /// Values of `aud`, one of which the token must carry. Required.
    pub(in crate::config) audiences: Vec<String>,
    /// File with the issuer's public keys (JWKS). Exactly one of `jwks_file`, `jwks_url` and `discovery` is required.
    pub(in crate::config) jwks_file: Option<String>,
    /// URL that the issuer publishes its keys at.
    #[serde(skip_serializing)]
    pub(in crate::config) jwks_url: Option<String>,
    /// Read where the keys are from `<issuer>/.well-known/openid-configuration`? Default: `false`.
    #[serde(skip_serializing)]
    pub(in crate::config) discovery: Option<bool>,
    /// How often fetched keys are fetched again; sooner where the server's `Cache-Control: max-age` says so. Default: `5m`.
    #[serde(skip_serializing)]
    pub(in crate::config) jwks_refresh: Option<String>,
    /// Shortest time from one fetch to the next, also where tokens name a key that is not known. Default: `30s`.
    #[serde(skip_serializing)]
    pub(in crate::config) jwks_cool_down: Option<String>,
    /// How old keys may become that cannot be fetched again; then the issuer's tokens are refused. Default: `1h`.
    #[serde(skip_serializing)]
    pub(in crate::config) jwks_max_stale: Option<String>,
    /// Longest that one request for them takes, to the last byte. Default: `10s`.
    #[serde(skip_serializing)]
    pub(in crate::config) jwks_timeout: Option<String>,
    /// File with the certificates (PEM) that the server is verified by. Default: those of the system.
    #[serde(skip_serializing)]
    pub(in crate::config) jwks_ca_file: Option<String>,
    /// Take `http` without TLS? Default: `false`.
    #[serde(skip_serializing)]
    pub(in crate::config) jwks_plain_http: Option<bool>,
    /// The algorithms that its keys may be used with, such as `RS256`, `PS256`, `ES256`, `EdDSA`. Default: what the keys say.
    pub(in crate::config) algorithms: Vec<String>,
    /// Allowed difference between the clocks, at most `60s`. Default: `30s`.
    pub(in crate::config) skew: Option<String>,
    /// The `typ` that its tokens must have in their head, such as `at+jwt`.
    pub(in crate::config) typ: Option<String>,
    /// A tenant that this issuer belongs to: it can only name this tenant and those below it.
    pub(in crate::config) tenants: Option<String>,
    /// What its tokens' subjects are: `user`, `service`, or a claim that says it. Default: `user`.
    pub(in crate::config) kind: Option<Kind>,
    /// The names of the claims that are read.
    pub(in crate::config) claims: Claims,
}

/// What an issuer's subjects are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(in crate::config) enum Kind {
    /// All of one kind.
    Always(KindName),
    /// As a claim says.
    Claim(KindClaim),
}

/// A kind of principal.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum KindName {
    /// A person.
    User,
    /// A program.
    Service,
}

/// A claim that tells services from users.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct KindClaim {
    /// The claim's name, or a JSON pointer. Required.
    pub(in crate::config) claim: Option<String>,
    /// The text of it that means a service. Default: `service`.
    pub(in crate::config) service: Option<String>,
}

/// The names of the claims that are read: exact ones, or JSON pointers (`/realm_access/roles`). An empty name means that
/// the tokens have no such claim.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Claims {
    /// The tenant's path. Default: `tenant`.
    pub(in crate::config) tenant: Option<String>,
    /// The roles. Default: `roles`.
    pub(in crate::config) roles: Option<String>,
    /// The groups. Default: `groups`.
    pub(in crate::config) groups: Option<String>,
    /// The scopes, a list or a text with spaces. Default: `scope`.
    pub(in crate::config) scopes: Option<String>,
}
