//! What apps answer against the specification.

use super::*;

#[test]
fn a_text_where_an_object_should_stand_is_hidden_with_all_that_was_asked_for() {
    let operation =
        ask(&graph("", SCHEMA), "{ patient(id: 1) { id ward { number } x: ssn } version }").unwrap();
    for (answer, wanted) in [
        (json!({"errors": ["no 078-05-1120"]}), json!({"errors": ["[redacted]"]})),
        (json!({"errors": "no 078-05-1120"}), json!({"errors": "[redacted]"})),
        (json!({"errors": [[7, true, null]]}), json!({"errors": [["[redacted]", "[redacted]", null]]})),
        (json!({"errors": [{"message": {"x": "078"}}]}), json!({"errors": [{"message": "[redacted]"}]})),
        (json!({"errors": [{"extensions": "078"}]}), json!({"errors": [{"extensions": "[redacted]"}]})),
        (
            json!({"errors": [{"locations": ["078", {"line": 1, "column": 2}]}]}),
            json!({"errors": [{"locations": ["[redacted]", {"line": 1, "column": 2}]}]}),
        ),
        (
            json!({"errors": [{"locations": [{"line": 1, "at": "078"}]}]}),
            json!({"errors": [{"locations": [{"line": 1}]}]}),
        ),
        (json!({"data": "078"}), json!({})),
        (json!({"data": {"patient": "078", "version": "1"}}), json!({"data": {"version": "1"}})),
        (
            json!({"data": {"patient": {"id": 1, "ward": ["078", null]}}}),
            json!({"data": {"patient": {"id": 1, "ward": [null, null]}}}),
        ),
        (json!("078"), json!(null)),
    ] {
        assert_eq!(seen(&operation, &["pii.ssn"], &answer), wanted, "{answer}");
        assert_eq!(seen(&operation, &[], &answer), answer);
    }
    // What is not there tells nothing.
    let answer = json!({"data": null, "errors": []});
    assert_eq!(seen(&operation, &["pii.ssn"], &answer), answer);
    let answer = json!({"data": {"patient": null, "version": null}, "errors": null});
    assert_eq!(seen(&operation, &["pii.ssn"], &answer), answer);
    // There it is left to what is found by its form.
    let operation = ask(&graph(", mode: guarded", SCHEMA), "{ patient(id: 1) { x: ssn } }").unwrap();
    let answer = json!({"data": {"patient": "Ada"}, "errors": ["no 078-05-1120, Ada"]});
    assert_eq!(
        seen(&operation, &["pii.ssn"], &answer),
        json!({"data": {}, "errors": ["no [redacted], Ada"]})
    );
}
