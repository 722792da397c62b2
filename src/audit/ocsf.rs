//! A record as an event of the Open Cybersecurity Schema Framework, for systems that collect those of many programs.
//!
//! A decision is an API Activity (class 6003), and nothing else is, so that they can be counted; what happened to the program is
//! an Application Lifecycle (6002); the end of a request and a look by other policies are Base Events (0). What the schema
//! has no place for stands in `unmapped`, under the names of the record.
//! Never: leaves out what the record says (`all_that_a_record_says_is_in_its_event`), performs I/O or reads a clock.

use serde_json::Value;
use serde_json::json;

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Malformed;
use crate::audit::entry::NOT_NUMBERED;
use crate::audit::forms;
use crate::audit::forms::Fields;
use crate::audit::forms::set;

/// The version of the schema: the first that tells services from users.
pub const VERSION: &str = "1.6.0";

/// Appends the event of a record of the log with this id, as a line of JSON.
///
/// # Errors
/// Where the bytes are no record.
pub fn event_line(log_id: &str, record: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    forms::put(&event(log_id, record)?, out)?;
    out.push(b'\n');
    Ok(())
}

/// The event of a record of the log with this id.
///
/// # Errors
/// Where the bytes are no record.
pub fn event(log_id: &str, record: &[u8]) -> Result<Value, Malformed> {
    let entry = Entry::read(record)?;
    let mut fields = forms::fields(record)?;
    fields.shift_remove("type");
    let mut event = match entry.kind {
        Kind::Decision => decision(&mut fields),
        Kind::Event => lifecycle(&mut fields),
        Kind::Outcome => base(&fields, "Outcome"),
        Kind::Shadow => base(&fields, "Shadow"),
    };
    event.insert("time".into(), entry.time_ms.into());
    event.insert("metadata".into(), metadata(log_id, &entry, &mut fields).into());
    if !fields.is_empty() {
        event.insert("unmapped".into(), fields.into());
    }
    Ok(Value::Object(event))
}

fn metadata(log_id: &str, entry: &Entry<'_>, fields: &mut Fields) -> Fields {
    let mut all = Fields::new();
    let mut put = |key: &str, value: Value| all.insert(key.into(), value);
    put("version", VERSION.into());
    put("product", json!({"name": "Palisade", "vendor_name": "Palisade"}));
    if entry.kind == Kind::Decision {
        put("profiles", json!(["security_control", "trace", "data_classification"]));
    }
    put("log_name", log_id.into());
    if entry.seq != NOT_NUMBERED {
        fields.shift_remove("seq");
        put("sequence", entry.seq.into());
        put("uid", forms::uid(log_id, entry.seq).into());
    }
    for (key, name) in
        [("correlation_uid", "decision_id"), ("tenant_uid", "tenant"), ("original_time", "time")]
    {
        fields.shift_remove(name).map(|value| put(key, value));
    }
    if fields.shift_remove("mirror").is_some() {
        put("labels", json!(["mirror"]));
    }
    if fields.contains_key("cut") {
        put("is_truncated", true.into());
    }
    all
}

/// What every event begins with.
fn class(class_uid: u32, class_name: &str, activity_id: u32, activity: &str, severity_id: u32) -> Fields {
    let mut all = Fields::new();
    let (category_uid, category) =
        if class_uid == 0 { (0, "Uncategorized") } else { (6, "Application Activity") };
    let severity = ["Unknown", "Informational", "Low", "Medium", "High"];
    let severity = severity.get(severity_id as usize).copied().unwrap_or("Unknown");
    for (key, value) in [
        ("class_uid", class_uid.into()),
        ("class_name", class_name.into()),
        ("category_uid", category_uid.into()),
        ("category_name", category.into()),
        ("activity_id", activity_id.into()),
        ("activity_name", activity.into()),
        ("type_uid", (class_uid * 100 + activity_id).into()),
        ("type_name", format!("{class_name}: {activity}").into()),
        ("severity_id", severity_id.into()),
        ("severity", severity.into()),
    ] {
        all.insert(key.to_owned(), value);
    }
    all
}

fn base(fields: &Fields, activity: &str) -> Fields {
    let cut_off = fields.get("ended").is_some_and(|ended| ended != "complete");
    class(0, "Base Event", 99, activity, if cut_off { 2 } else { 1 })
}

fn lifecycle(fields: &mut Fields) -> Fields {
    let name = fields.get("event").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (id, activity) = match &*name {
        "start" => (3, "Start"),
        "stop" => (4, "Stop"),
        "reload_applied" => (8, "Update"),
        other => (99, other),
    };
    let severity = match &*name {
        // What an auditor asks about: records are gone, or an edit was not taken.
        "records_lost" | "crash" | "torn_tail" | "prune" | "not_shipped" | "hold" | "erase" => 3,
        "reload_refused" | "shadow_refused" | "clock_stepped" | "reveal" => 2,
        _ => 1,
    };
    let mut event = class(6002, "Application Lifecycle", id, activity, severity);
    let mut app = json!({"name": "Palisade", "vendor_name": "Palisade"});
    if let Some(version) = fields.shift_remove("version") {
        set(&mut app, "version", version);
    }
    event.insert("app".into(), app);
    event
}

fn decision(fields: &mut Fields) -> Fields {
    let allowed = fields.shift_remove("decision").is_some_and(|decision| decision == "allow");
    let action = fields.shift_remove("action");
    let (id, activity) = match action.as_ref().and_then(Value::as_str) {
        Some("create" | "import") => (1, "Create"),
        Some("read" | "list" | "export") => (2, "Read"),
        Some("update") => (3, "Update"),
        Some("delete") => (4, "Delete"),
        Some(_) => (99, "Other"),
        None => (0, "Unknown"),
    };
    let failed = fields.get("errors").and_then(Value::as_array).is_some_and(|errors| !errors.is_empty());
    let severity = if failed { 3 } else { 2 - u32::from(allowed) };
    let mut event = class(6003, "API Activity", id, activity, severity);
    let hidden = hidden(fields);
    let control = match (allowed, hidden) {
        (false, _) => [2.into(), "Denied".into(), 2.into(), "Blocked".into()],
        (true, true) => [4.into(), "Modified".into(), 1.into(), "Allowed".into()],
        (true, false) => [1.into(), "Allowed".into(), 1.into(), "Allowed".into()],
    };
    let names = ["action_id", "action", "disposition_id", "disposition"];
    event.extend(names.into_iter().map(str::to_owned).zip(control));
    event.insert("status_id".into(), if allowed { 1 } else { 2 }.into());
    event.insert("status".into(), if allowed { "Success" } else { "Failure" }.into());
    for (key, name) in [("status_code", "code"), ("status_detail", "detail")] {
        fields.shift_remove(name).map(|value| event.insert(key.into(), value));
    }
    authorizations(fields, &mut event);
    event.insert("actor".into(), actor(fields));
    http(fields, action, &mut event);
    let ip = fields.shift_remove("source_ip");
    let source = ip.map_or_else(|| json!({"name": "unknown"}), |ip| json!({"ip": ip}));
    event.insert("src_endpoint".into(), source);
    event.insert("resources".into(), json!([resource(fields)]));
    if let Some(id) = fields.shift_remove("trace_id") {
        event.insert("trace".into(), json!({"uid": id}));
    }
    event
}

/// May any class that the bodies carry not be seen?
fn hidden(fields: &Fields) -> bool {
    let hidden = fields.get("classes").and_then(|classes| classes.get("hidden"));
    hidden.and_then(Value::as_array).is_some_and(|hidden| !hidden.is_empty())
}

/// The policies that decided, each of the snapshot that they are part of.
fn authorizations(fields: &mut Fields, event: &mut Fields) {
    let version = fields.shift_remove("snapshot").unwrap_or_default();
    let Some(Value::Array(reasons)) = fields.shift_remove("reasons") else { return };
    let each = reasons.into_iter().map(|reason| {
        let of = |name| reason.get(name).cloned().unwrap_or_default();
        json!({
            "decision": of("effect"),
            "policy": {"uid": of("policy_id"), "version": version.clone(), "is_applied": true},
        })
    });
    let all: Vec<Value> = each.collect();
    event.insert("policy".into(), json!({"name": "snapshot", "version": version}));
    if !all.is_empty() {
        event.insert("authorizations".into(), all.into());
    }
}

fn actor(fields: &mut Fields) -> Value {
    let Some(Value::Object(mut principal)) = fields.shift_remove("principal") else {
        return json!({"user": {"name": "unidentified", "type_id": 0, "type": "Unknown"}});
    };
    let kind = principal.shift_remove("type").unwrap_or_default();
    let type_id = if kind == "Service" { 4 } else { 1 };
    let id = principal.shift_remove("id").unwrap_or_default();
    let mut user = json!({"uid": id, "type_id": type_id, "type": kind});
    if let Some(tenant) = principal.shift_remove("tenant") {
        set(&mut user, "org", json!({"uid": tenant}));
    }
    if let Some(Value::Array(groups)) = principal.shift_remove("groups")
        && !groups.is_empty()
    {
        set(&mut user, "groups", groups.into_iter().map(|name| json!({"name": name})).collect());
    }
    let mut actor = json!({"user": user});
    if let Some(issuer) = principal.shift_remove("issuer") {
        set(&mut actor, "session", json!({"issuer": issuer}));
    }
    // Who acts for the principal is the one that called; who acts for that one stays with the rest.
    if let Some(id) = principal.get("actor").and_then(|acting| acting.get("id")) {
        set(&mut actor, "invoked_by", id.clone());
    }
    principal.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    if !principal.is_empty() {
        fields.insert("principal".into(), principal.into());
    }
    actor
}

fn http(fields: &mut Fields, action: Option<Value>, event: &mut Fields) {
    let mut http = match fields.shift_remove("http") {
        Some(Value::Object(http)) => http,
        Some(_) | None => Fields::new(),
    };
    let mut of = |name| http.shift_remove(name);
    let (method, host, path) = (of("method"), of("host"), of("path"));
    let (status, route) = (of("status"), of("route"));
    let operation = action.or_else(|| method.clone()).unwrap_or_default();
    let mut api = json!({"operation": operation});
    if let Some(id) = fields.get("decision_id") {
        set(&mut api, "request", json!({"uid": id}));
    }
    let mut request = json!({"http_method": method, "url": {"hostname": host, "path": path}});
    if let Some(id) = fields.shift_remove("request_id") {
        set(&mut request, "uid", id);
    }
    if let Some(status) = status {
        set(&mut api, "response", json!({"code": status}));
        event.insert("http_response".into(), json!({"code": status}));
    }
    event.insert("api".into(), api);
    event.insert("http_request".into(), request);
    route.map(|route| fields.insert("route".into(), route));
}

/// The data that was asked for, with its tenant and the classes that its bodies carry.
fn resource(fields: &mut Fields) -> Value {
    let mut resource = Fields::new();
    if let Some(key) = fields.shift_remove("data_key") {
        resource.insert("uid".into(), key);
        resource.insert("type".into(), "DataKey".into());
    }
    let name = fields.shift_remove("resource").unwrap_or_else(|| "unknown".into());
    resource.insert("name".into(), name);
    if let Some(tenant) = fields.get("tenant") {
        let owner = json!({"uid": tenant, "type_id": 99, "type": "Tenant", "org": {"uid": tenant}});
        resource.insert("owner".into(), owner);
    }
    let all = fields.get("classes").and_then(Value::as_object);
    let named = |list: &str| {
        let classes = all.and_then(|all| all.get(list)).and_then(Value::as_array).into_iter().flatten();
        classes.map(|class| class.get("class").unwrap_or(class).clone()).collect::<Vec<_>>()
    };
    let mut classes: Vec<Value> = Vec::new();
    for class in ["revealed", "hidden", "settable", "unsettable"].into_iter().flat_map(named) {
        let class = json!({"category_id": 99, "category": class});
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    if !classes.is_empty() {
        resource.insert("data_classifications".into(), classes.into());
    }
    resource.into()
}

#[cfg(test)]
mod tests;
