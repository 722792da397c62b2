//! The fifth act: files are edited while everything runs. Policies, a mistake, a careless permit, a tenant's status.

use http::Method;
use http::StatusCode;

use crate::Fallible;
use crate::check::Check::AppKey;
use crate::check::Check::Because;
use crate::check::Check::Begins;
use crate::check::Check::Clear;
use crate::check::Check::Dropped;
use crate::check::Check::Status;
use crate::people::CORA;
use crate::people::GINA;
use crate::people::GUS;
use crate::people::WIM;
use crate::stage::Proof;
use crate::stage::Stage;
use crate::stage::Step;
use crate::story::audit;
use crate::story::denied;
use crate::story::get;
use crate::wire::Call;

const SHARING: &str = "policies/tenants/acme/sharing.cedar";
const CARELESS: &str = "policies/careless.cedar";

const OPEN: &str = "context.now < datetime(\"2036-06-30T00:00:00Z\")";
const OVER: &str = "context.now < datetime(\"2026-01-01T00:00:00Z\")";
const RIGHT: &str = "resource.level <= 3";
const TYPO: &str = "resource.levle <= 3";

/// Tells the fifth act. It ends with everything as it was at the start.
pub(crate) async fn tell(stage: &mut Stage) -> Fallible<()> {
    stage.show.headline("Act 5. Edits while it runs")?;
    ends_sharing(stage).await?;
    bad_edit(stage).await?;
    careless_permit(stage).await?;
    quarantine(stage).await
}

async fn ends_sharing(stage: &mut Stage) -> Fallible<()> {
    let why = "The file is written, nothing is restarted. The call that was answered in act 3 is repeated until it is not.";
    stage.begin("Acme ends the sharing by editing a date", why)?;
    stage.edit(SHARING, OPEN, OVER)?;
    stage.play_until(Proof::Token(GUS), &audit(), StatusCode::FORBIDDEN, &denied()).await
}

async fn bad_edit(stage: &mut Stage) -> Fallible<()> {
    let why = "The new text reopens the sharing, and misspells an attribute. It does not validate, so nothing of it takes \
               effect; the last good snapshot stays, and the failure is plain to see.";
    stage.begin("A bad edit is refused", why)?;
    stage.rewrite(SHARING, &[(RIGHT, TYPO), (OVER, OPEN)])?;
    stage.readiness_tells("sharing.cedar").await?;
    stage.call(Proof::Token(GUS), &audit(), &denied()).await?;

    stage.begin("The typo is mended", "Now it validates, and the sharing is open again.")?;
    stage.rewrite(SHARING, &[(TYPO, RIGHT)])?;
    let checks = [Status(StatusCode::OK), AppKey("acme/claims/"), Begins("/claims/0/patient/name", "ps_")];
    stage.play_until(Proof::Token(GUS), &audit(), StatusCode::OK, &checks).await
}

async fn careless_permit(stage: &mut Stage) -> Fallible<()> {
    let delete = |id: &str| Call::new(Method::DELETE, &format!("/patients/{id}"));
    let why = "Somebody permits everything to everyone. Within a company that takes effect: a deletion, which no role \
               could do before.";
    stage.begin("The most careless permit there is", why)?;
    let text = "@id(\"careless\")\npermit (principal, action, resource);\n";
    stage.put(CARELESS, Some(text))?;
    let checks = [Status(StatusCode::NO_CONTENT), AppKey("acme/"), Because("careless")];
    stage.play_until(Proof::Token(CORA), &delete("p-106"), StatusCode::NO_CONTENT, &checks).await?;

    stage
        .play(Step {
            title: "It does not lead into another company",
            why: "The guard stands in this permit too. The policy text cannot take it away.",
            proof: Proof::Token(GINA),
            call: get("/companies/acme/sites/west/patients"),
            checks: denied(),
        })
        .await?;
    stage
        .play(Step {
            title: "Nor to a social security number",
            why: "A forbid wins over any permit.",
            proof: Proof::Token(WIM),
            call: get("/patients/p-101"),
            checks: vec![Status(StatusCode::OK), Clear("/name"), Dropped("/ssn")],
        })
        .await?;

    stage.begin(
        "The careless file is taken away",
        "Deleting is refused again, even of a patient who does not exist.",
    )?;
    stage.put(CARELESS, None)?;
    stage.play_until(Proof::Token(CORA), &delete("p-999"), StatusCode::FORBIDDEN, &denied()).await
}

async fn quarantine(stage: &mut Stage) -> Fallible<()> {
    let why = "One word in tenants.yaml; the baseline policies say what it means.";
    stage.begin("Globex is quarantined", why)?;
    stage.edit("tenants.yaml", "status: active", "status: quarantined")?;
    let mut checks = denied();
    checks.push(Because("baseline-quarantined-caller"));
    stage.play_until(Proof::Token(GUS), &audit(), StatusCode::FORBIDDEN, &checks).await?;

    stage.begin("And released", "Everything is as it was at the start.")?;
    stage.edit("tenants.yaml", "status: quarantined", "status: active")?;
    stage.play_until(Proof::Token(GUS), &audit(), StatusCode::OK, &[Status(StatusCode::OK)]).await
}
