//! The story, act by act: who calls, what should happen, and why. Each step is checked as it is told.
//!
//! Patients p-101 to p-106 are treated at acme/west, p-107 to p-112 at acme/west/sf1, p-113 to p-118 at acme/east,
//! p-119 to p-124 at globex/north.

use http::Method;
use http::StatusCode;
use serde_json::json;

use crate::Fallible;
use crate::check::Check;
use crate::check::Check::AppKey;
use crate::check::Check::AppUntouched;
use crate::check::Check::Because;
use crate::check::Check::Begins;
use crate::check::Check::Clear;
use crate::check::Check::Counted;
use crate::check::Check::Dropped;
use crate::check::Check::Header;
use crate::check::Check::Masked;
use crate::check::Check::NotWritten;
use crate::check::Check::Recorded;
use crate::check::Check::Refused;
use crate::check::Check::RowsWithin;
use crate::check::Check::Status;
use crate::check::Check::Stripped;
use crate::people::CORA;
use crate::people::ELI;
use crate::people::FRIDA;
use crate::people::GINA;
use crate::people::GUS;
use crate::people::WIM;
use crate::stage::Proof;
use crate::stage::Stage;
use crate::stage::Step;
use crate::wire::Call;

/// The header by which a caller says whose data is meant; `tenancy.header` in palisade.yaml.
const TENANT: &str = "x-tenant";
/// The header by which a caller says what for; policies read it as `context.purpose`.
const PURPOSE: &str = "x-purpose";

/// Tells the first four acts; the fifth is in `edits`.
pub(crate) async fn tell(stage: &mut Stage) -> Fallible<()> {
    stage.show.headline("Act 1. Everyone at work in their own company")?;
    own_site(stage).await?;
    own_company(stage).await?;
    stage.show.headline("Act 2. Where nobody may go")?;
    upwards_and_sideways(stage).await?;
    other_company(stage).await?;
    stage.show.headline("Act 3. A pathway: what acme shares with the auditors of globex")?;
    pathway(stage).await?;
    stage.show.headline("Act 4. Impostors")?;
    forged_headers(stage).await?;
    bad_credentials(stage).await
}

pub(crate) fn get(path: &str) -> Call {
    Call::new(Method::GET, path)
}

/// What every denial by policy looks like.
pub(crate) fn denied() -> Vec<Check> {
    vec![Refused(StatusCode::FORBIDDEN, "denied"), AppUntouched, Recorded("deny")]
}

fn mismatch() -> Vec<Check> {
    vec![Refused(StatusCode::FORBIDDEN, "tenant_mismatch"), AppUntouched, Recorded("deny")]
}

async fn own_site(stage: &mut Stage) -> Fallible<()> {
    let checks = vec![
        Status(StatusCode::OK),
        AppKey("acme/west/"),
        RowsWithin("acme/west/"),
        Clear("/0/name"),
        Clear("/0/allergies"),
        Dropped("/0/ssn"),
        Counted("pii.identifier.ssn"),
        Because("clinicians-work-with-charts"),
    ];
    stage
        .play(Step {
            title: "A clinician lists the patients of his own site",
            why: "The tenant comes from the token, the role permits it. The app is given one data key and filters by it; \
                  the social security number is for the identity desk alone, so it is dropped on the way out.",
            proof: Proof::Token(WIM),
            call: get("/patients?limit=2"),
            checks,
        })
        .await?;
    let checks = vec![
        Status(StatusCode::OK),
        Clear("/name"),
        Clear("/contact/phone"),
        Masked("/birth_date"),
        Masked("/allergies/0"),
        Dropped("/ssn"),
        Because("front-desk-registers-patients"),
    ];
    stage
        .play(Step {
            title: "The front desk reads one of them, and sees less",
            why: "The same route, another role: names and contact data are revealed to it, health data is not.",
            proof: Proof::Token(FRIDA),
            call: get("/patients/p-101"),
            checks,
        })
        .await?;
    let patient = json!({
        "name": "Noor Okafor", "ssn": "912-70-0001",
        "contact": { "phone": "+1-555-0199" }, "allergies": ["latex"],
    });
    let checks = vec![
        Status(StatusCode::CREATED),
        AppKey("acme/west/"),
        NotWritten("/ssn"),
        NotWritten("/allergies/0"),
        Clear("/name"),
    ];
    stage
        .play(Step {
            title: "The front desk registers a patient",
            why: "What a caller may not see, the caller may not set: those fields are taken out on the way in.",
            proof: Proof::Token(FRIDA),
            call: Call::new(Method::POST, "/patients").body(patient),
            checks,
        })
        .await?;
    stage
        .play(Step {
            title: "The front desk asks for encounters",
            why: "No permit for its role covers this route. Without a permit nothing is allowed.",
            proof: Proof::Token(FRIDA),
            call: get("/patients/p-101/encounters"),
            checks: denied(),
        })
        .await
}

async fn own_company(stage: &mut Stage) -> Fallible<()> {
    stage
        .play(Step {
            title: "The parent reads its child: the medical director of acme looks at the site west",
            why: "The route finds the data key in its path: acme/west. It lies within acme, where she belongs.",
            proof: Proof::Token(CORA),
            call: get("/sites/west/patients?limit=1"),
            checks: vec![Status(StatusCode::OK), AppKey("acme/west/"), RowsWithin("acme/west/"), Clear("/0/name")],
        })
        .await?;
    stage
        .play(Step {
            title: "The parent speaks for its child: she asks for the site east by header",
            why: "A tenant may always be narrowed to one within it.",
            proof: Proof::Token(CORA),
            call: get("/patients?limit=1").header(TENANT, "acme/east"),
            checks: vec![Status(StatusCode::OK), AppKey("acme/east/"), RowsWithin("acme/east/")],
        })
        .await?;
    let checks = vec![
        Status(StatusCode::OK),
        AppKey("acme/claims/"),
        Clear("/total"),
        Clear("/patient/name"),
        Masked("/diagnosis"),
        Dropped("/payer/member"),
    ];
    stage
        .play(Step {
            title: "A service with an API key marks a claim as paid",
            why: "Claims are kept by the company: acme/claims. Billing sees amounts and names, not what the illness is.",
            proof: Proof::ApiKey,
            call: Call::new(Method::PATCH, "/claims/c-101").body(json!({ "status": "paid" })),
            checks,
        })
        .await
}

async fn upwards_and_sideways(stage: &mut Stage) -> Fallible<()> {
    stage
        .play(Step {
            title: "The child asks for its parent",
            why: "His token says acme/west, the header says acme. That is wider, and no pathway explains it.",
            proof: Proof::Token(WIM),
            call: get("/patients").header(TENANT, "acme"),
            checks: mismatch(),
        })
        .await?;
    stage
        .play(Step {
            title: "A sibling by the path: east asks for west",
            why: "This old route names any company and site. Eli's role would permit it, but to every permit the loader \
                  adds `resource in principal.dataKey`, and acme/west is not in acme/east.",
            proof: Proof::Token(ELI),
            call: get("/companies/acme/sites/west/patients"),
            checks: denied(),
        })
        .await?;
    stage
        .play(Step {
            title: "A sibling by a guessed id: east asks for a patient of west",
            why: "The call is about his own data key, so it is allowed. The app looks within acme/east/ and finds nothing.",
            proof: Proof::Token(ELI),
            call: get("/patients/p-101"),
            checks: vec![Status(StatusCode::NOT_FOUND), AppKey("acme/east/")],
        })
        .await
}

async fn other_company(stage: &mut Stage) -> Fallible<()> {
    stage
        .play(Step {
            title: "The other company: a clinician of globex asks for patients of acme",
            why: "The same guard, across companies.",
            proof: Proof::Token(GINA),
            call: get("/companies/acme/sites/west/patients"),
            checks: denied(),
        })
        .await?;
    stage
        .play(Step {
            title: "She speaks for acme by header, and asks for its claims",
            why: "A pathway leads from globex to acme's claims, so the two tenants are no contradiction. But it is for \
                  auditors, and she is a clinician.",
            proof: Proof::Token(GINA),
            call: get("/claims").header(TENANT, "acme").header(PURPOSE, "audit"),
            checks: denied(),
        })
        .await
}

/// The call that the pathway is for.
pub(crate) fn audit() -> Call {
    get("/claims?limit=1").header(TENANT, "acme").header(PURPOSE, "audit")
}

async fn pathway(stage: &mut Stage) -> Fallible<()> {
    let checks = vec![
        Status(StatusCode::OK),
        AppKey("acme/claims/"),
        RowsWithin("acme/claims/"),
        Begins("/claims/0/patient/name", "ps_"),
        Masked("/claims/0/diagnosis"),
        Dropped("/claims/0/payer/member"),
        Clear("/claims/0/total"),
        Counted("pii.name"),
        Because("acme-claims-for-globex-auditors"),
    ];
    stage
        .play(Step {
            title: "An auditor of globex reads acme's claims",
            why: "Acme's own policy file permits it, for this purpose and until a date. He sees amounts; patients are \
                  pseudonyms, so that he can count them without knowing them.",
            proof: Proof::Token(GUS),
            call: audit(),
            checks,
        })
        .await?;
    stage
        .play(Step {
            title: "The same call without its purpose",
            why: "The pathway asks for the purpose `audit`.",
            proof: Proof::Token(GUS),
            call: get("/claims?limit=1").header(TENANT, "acme"),
            checks: denied(),
        })
        .await?;
    stage
        .play(Step {
            title: "The same auditor asks for acme's patients",
            why: "The pathway leads to acme/claims and nowhere else.",
            proof: Proof::Token(GUS),
            call: get("/patients").header(TENANT, "acme").header(PURPOSE, "audit"),
            checks: denied(),
        })
        .await
}

async fn forged_headers(stage: &mut Stage) -> Fallible<()> {
    let forged = get("/patients?limit=1")
        .header("x-palisade-data-key", "globex/")
        .header("x_palisade_data_key", "globex/")
        .header("x-palisade-tenant", "globex")
        .header("x-palisade-principal", "user:root");
    let checks = vec![
        Status(StatusCode::OK),
        AppKey("acme/west/"),
        Stripped("x_palisade_data_key", "globex/"),
        Stripped("x-palisade-tenant", "globex"),
        Stripped("x-palisade-principal", "user:root"),
        RowsWithin("acme/west/"),
    ];
    stage
        .play(Step {
            title: "Forged headers",
            why: "Every header that only Palisade may set is removed first, in any spelling, and set anew.",
            proof: Proof::Token(WIM),
            call: forged,
            checks,
        })
        .await?;
    stage
        .play(Step {
            title: "A header of the other company",
            why: "The token says acme/west, the header says globex/north. No pathway leads from one to the other.",
            proof: Proof::Token(WIM),
            call: get("/patients").header(TENANT, "globex/north"),
            checks: mismatch(),
        })
        .await?;
    stage
        .play(Step {
            title: "A path that the app's OpenAPI document does not know",
            why: "What is not described is not forwarded.",
            proof: Proof::Token(WIM),
            call: get("/debug/dump"),
            checks: vec![Refused(StatusCode::NOT_FOUND, "no_route"), AppUntouched, Recorded("deny")],
        })
        .await
}

async fn bad_credentials(stage: &mut Stage) -> Fallible<()> {
    let refused =
        |code| vec![Refused(StatusCode::UNAUTHORIZED, code), Header("www-authenticate"), AppUntouched];
    stage
        .play(Step {
            title: "No credential",
            why: "Nobody is anybody without proof.",
            proof: Proof::Nothing,
            call: get("/patients"),
            checks: refused("unidentified"),
        })
        .await?;
    stage
        .play(Step {
            title: "A token that has expired",
            why: "The caller learns that it is not valid. The record says why.",
            proof: Proof::Expired(WIM),
            call: get("/patients"),
            checks: refused("bad_credential"),
        })
        .await?;
    stage
        .play(Step {
            title: "A token that somebody else signed",
            why: "The key's name in the token is right, the signature is not.",
            proof: Proof::Forged(CORA),
            call: get("/patients"),
            checks: refused("bad_credential"),
        })
        .await
}
