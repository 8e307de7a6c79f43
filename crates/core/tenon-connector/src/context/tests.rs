use serde_json::json;
use tenon_expr::Source;

use super::*;
use crate::samples::Person;

fn eval(ctx: &Context<'_>, text: &str) -> Result<Value, String> {
    let source = Source::compile(&json!(text)).expect("a template");
    source.eval(ctx).map_err(|error| error.message)
}

#[test]
fn every_root_is_seen_and_only_those() {
    let token = json!({
        "access_token": "at", "expires_at": "2026-01-02T04:00:00Z", "extra": {"team": {"id": 7}},
    });
    let person = Person::new(json!({"client_id": "c"}), json!({"a": {"b": [1, 2]}}), token);
    let input = json!({"name": "n"});
    let ctx = person.ctx().with(Root::Input, Cow::Borrowed(&input));
    for (text, expected) in [
        ("{{app.client_id}}", json!("c")),
        ("{{app}}", json!({"client_id": "c"})),
        ("{{fields.a.b[1]}}", json!(2)),
        ("{{fields.none.x}}", json!(null)),
        ("{{token.access_token}}", json!("at")),
        ("{{token.refresh_token}}", json!(null)),
        ("{{token.team.id}}", json!(7)),
        ("{{token.expires_at}}", json!("2026-01-02T04:00:00Z")),
        ("{{now.unix}}", json!(1_767_323_045)),
        ("{{now.unix_ms}}", json!(1_767_323_045_000_i64)),
        ("{{now.rfc3339}}", json!("2026-01-02T03:04:05Z")),
        ("{{now.http_date}}", json!("Fri, 02 Jan 2026 03:04:05 GMT")),
        ("{{now.date}}", json!("2026-01-02")),
        ("{{input.name}}", json!("n")),
        ("{{steps.none}}", json!(null)),
    ] {
        assert_eq!(eval(&ctx, text), Ok(expected), "{text}");
    }
    assert!(eval(&ctx, "{{trigger.x}}").is_err());
}

#[test]
fn random_values_are_the_same_within_a_request_and_new_in_the_next() {
    let person = Person::new(json!({}), json!({}), Value::Null);
    let mut ctx = person.ctx();
    let first = eval(&ctx, "{{random.hex}}");
    assert_eq!(first, eval(&ctx, "{{random.hex}}"));
    let uuid = eval(&ctx, "{{random.uuid}}").expect("a text");
    let uuid: uuid::Uuid = uuid.as_str().expect("a text").parse().expect("a UUID");
    assert_eq!(uuid.get_version_num(), 4);
    ctx.advance();
    assert_ne!(first, eval(&ctx, "{{random.hex}}"));
    let other = Context::new(person.ctx().account(), ctx.now(), Seed::new([8; 16]));
    assert_ne!(first, eval(&other, "{{random.hex}}"));
}
