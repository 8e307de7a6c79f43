//! Pages of data sources.

use serde_json::{Value, json};

use super::*;
use crate::samples::{Person, answer, connector, map, with_header};

fn person() -> Person {
    Person::new(json!({}), json!({}), Value::Null)
}

/// A list of things in pages; `more` replaces members.
fn things(more: Value) -> Connector {
    let mut list = json!({
        "kind": "select", "title": "Things",
        "request": {"url": "/things", "query": {"of": "{{chosen.owners}}"}},
        "depends_on": ["owners"],
        "pagination": {
            "items": "{{response.body.things}}",
            "next": {"type": "cursor", "cursor": "{{response.body.next}}", "place": {"query": "after"}},
            "size": {"place": {"query": "limit"}, "items": 2},
        },
        "label": "{{item.name}}", "value": "{{item.id}}",
    });
    for (name, value) in more.as_object().expect("members") {
        list[name.as_str()] = value.clone();
    }
    connector(json!({"data_sources": {
        "things": list,
        "owners": {"kind": "static", "title": "Owners", "options": [
            {"label": "Ada", "value": "o1"}, {"label": "Bob", "value": "o2"},
        ]},
    }}))
}

fn select(connector: &Connector) -> &Select {
    match list(connector, "things") {
        Some(List::Provider(select)) => select,
        _ => panic!("it is a list of the provider"),
    }
}

fn query(chosen: Value, search: Option<&str>, position: Option<Position>) -> Query {
    Query { chosen: map(chosen), search: search.map(str::to_owned), position }
}

fn called(connector: &Connector, query: Query) -> Result<String, SourceError> {
    let person = person();
    let limits = BuildLimits::default();
    let run = PageRun::start(connector, select(connector), query, &person.ctx(), limits)?;
    Ok(run.call()?.url.to_string())
}

fn read(connector: &Connector, query: Query, answer: &Answer) -> Result<Page, SourceError> {
    let person = person();
    let limits = BuildLimits::default();
    let run = PageRun::start(connector, select(connector), query, &person.ctx(), limits)?;
    let at = run.call()?.url;
    run.receive(answer, &at)
}

fn of_ada() -> Value {
    json!({"owners": "o1"})
}

#[test]
fn a_page_says_where_the_next_one_is() {
    let connector = things(json!({}));
    let first = query(of_ada(), None, None);
    assert_eq!(
        called(&connector, first.clone()),
        Ok("https://api.example.com/v1/things?of=o1&limit=2".to_owned())
    );
    let body = json!({"things": [{"id": 1, "name": "One"}, {"id": 2, "name": " "}], "next": "c 2"});
    let page = read(&connector, first, &answer(200, body)).expect("it is as it should be");
    let records = page.options.into_records();
    // A number becomes text, and an option without a label shows its value.
    assert_eq!(
        json!(records),
        json!([{"label": "One", "value": "1"}, {"label": "2", "value": "2"}])
    );
    let next = page.next.expect("there is more");
    let text = next.to_text();
    let next = query(of_ada(), None, Some(Position::parse(&text).expect("it was ours")));
    assert_eq!(
        called(&connector, next.clone()),
        Ok("https://api.example.com/v1/things?of=o1&limit=2&after=c+2".to_owned())
    );
    let page = read(&connector, next, &answer(200, json!({"things": []}))).expect("the last");
    assert!(page.options.is_empty() && page.next.is_none());
}

#[test]
fn what_it_depends_on_has_to_be_chosen_and_be_one_value() {
    let connector = things(json!({}));
    for (chosen, wanted) in [
        (json!({}), "choose `owners` first"),
        (json!({"owners": null}), "choose `owners` first"),
        (json!({"owners": " "}), "choose `owners` first"),
        (json!({"owners": ["o1"]}), "`owners` is one value, not several"),
        (json!({"owners": "x".repeat(5_000)}), "`owners` is longer than 4096 bytes"),
    ] {
        let found = called(&connector, query(chosen, None, None));
        assert_eq!(found.map_err(|error| error.to_string()), Err(wanted.to_owned()));
    }
    // A value stays in its place, and what nobody depends on goes nowhere.
    let chosen = json!({"owners": "o1&admin=1#/..", "other": "x"});
    let url = called(&connector, query(chosen, None, None)).expect("it is built");
    assert_eq!(url, "https://api.example.com/v1/things?of=o1%26admin%3D1%23%2F..&limit=2");
    assert!(called(&connector, query(json!({"owners": 7}), None, None)).is_ok());
}

#[test]
fn a_cursor_leads_nowhere_else() {
    let connector = things(json!({"pagination": {
        "items": "{{response.body.things}}", "next": {"type": "url", "url": "{{response.body.next}}"},
    }}));
    let body = json!({"things": [], "next": "https://api.example.com/v1/things?of=o1&page=2"});
    let page = read(&connector, query(of_ada(), None, None), &answer(200, body));
    let next = page.expect("it is as it should be").next.expect("there is more");
    let forged = |url: &str| {
        let text = next.to_text();
        let mut value: Value =
            serde_json::to_value(Position::parse(&text).expect("it was ours")).expect("JSON");
        value["u"] = url.into();
        let position = serde_json::from_value(value).expect("a position");
        called(&connector, query(of_ada(), None, Some(position)))
    };
    let own = "https://api.example.com/v1/things?of=o1&page=3";
    assert_eq!(forged(own), Ok(own.to_owned()));
    for url in ["https://api.example.com/v1/secrets", "https://evil.example.com/v1/things"] {
        assert_eq!(forged(url), Err(SourceError::Position(PositionError)), "{url}");
    }
    // A list without pages has no second one.
    let connector = things(json!({"pagination": null, "items": "{{response.body}}"}));
    let found = called(&connector, query(of_ada(), None, Some(next)));
    assert_eq!(found, Err(SourceError::Position(PositionError)));
}

#[test]
fn a_provider_that_searches_gets_the_text_and_another_does_not() {
    let search = json!({
        "place": {"query": "q"}, "value": "name contains '{{replace(search, \"'\", \"\\\\'\")}}'",
    });
    let connector = things(json!({"search": search}));
    let typed = |connector: &Connector, text: Option<&str>| {
        called(connector, query(of_ada(), text, None)).expect("it is built")
    };
    let url = typed(&connector, Some("it's"));
    assert!(url.contains("&q=name+contains+%27it%5C%27s%27&"), "{url}");
    assert!(!typed(&connector, None).contains("q="));
    let plain = things(json!({}));
    assert_eq!(typed(&plain, Some("x")), typed(&plain, None));
}

#[test]
fn options_are_found_by_every_word_in_any_of_their_texts() {
    let connector = things(json!({"subtitle": "{{item.mail}}"}));
    let body = json!({"things": [
        {"id": "U1", "name": "Ada Lovelace", "mail": "ada@x.example"},
        {"id": "U2", "name": "Ada Byron", "mail": "byron@x.example"},
        {"id": "U3", "name": "Zoë Ångström"},
    ]});
    let page = read(&connector, query(of_ada(), None, None), &answer(200, body)).expect("a page");
    let found = |text: &str| {
        let records = page.options.find(text).into_records();
        records.iter().map(|it| it["value"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("ada"), ["U1", "U2"]);
    assert_eq!(found(" BYRON ada "), ["U2"]);
    assert_eq!(found("zoë ång"), ["U3"]);
    assert_eq!(found("u2"), ["U2"]);
    assert_eq!(found("nobody"), Vec::<String>::new());
}

#[test]
fn items_are_left_out_headed_and_described() {
    let connector = things(json!({
        "section": "{{item.team}}",
        "when": {"operator": "$booleanFalse", "variable": "{{item.hidden ?? false}}"},
    }));
    let body = json!({"things": [
        {"id": "a", "name": "A", "team": "Red"},
        {"id": "b", "name": "B", "team": "Blue"},
        {"id": "c", "name": "C", "team": "Red", "hidden": true},
        {"name": "no id", "team": "Red"},
        {"id": "d", "name": "D", "team": "Red"},
    ]});
    let page = read(&connector, query(of_ada(), None, None), &answer(200, body)).expect("a page");
    assert_eq!(
        json!(page.options.into_records()),
        json!([
            {"title": "Red", "items": [
                {"label": "A", "value": "a"}, {"label": "D", "value": "d"},
            ]},
            {"title": "Blue", "items": [{"label": "B", "value": "b"}]},
        ])
    );
}

#[test]
fn items_can_be_fields_of_a_form() {
    let connector = things(json!({"form": {
        "type": "{{item.kind}}", "types": {"float": "number", "pick": "one", "labels": "many"},
        "required": "{{item.must}}",
        "options": {
            "items": "{{item.allowed}}", "label": "{{option.name}}", "value": "{{option.id}}",
        },
    }}));
    let body = json!({"things": [
        {"id": "points", "name": "Points", "kind": "float", "must": true},
        {"id": "level", "name": "Level", "kind": "pick", "allowed": [
            {"id": "1", "name": "Low"}, {"id": "2"}, {"name": "no id"},
        ]},
        {"id": "note", "name": "Note", "kind": "unheard of"},
    ]});
    let page = read(&connector, query(of_ada(), None, None), &answer(200, body)).expect("a page");
    assert_eq!(
        json!(page.options.find("").into_records()),
        json!([
            {"id": "points", "title": "Points", "type": "number", "required": true, "items": []},
            {"id": "level", "title": "Level", "type": "dropdown", "required": false, "items": [
                {"label": "Low", "value": "1"}, {"label": "2", "value": "2"},
            ]},
            {"id": "note", "title": "Note", "type": "string", "required": false, "items": []},
        ])
    );
    assert_eq!(page.options.find("level").len(), 1, "fields are found by their title");
}

#[test]
fn an_error_of_the_provider_is_told_and_a_strange_answer_is_one() {
    let connector = things(json!({}));
    let asked = || query(of_ada(), None, None);
    let found = read(&connector, asked(), &answer(403, json!({"message": "no rights"})));
    match found {
        Err(SourceError::Answer { status: 403, verdict }) => {
            assert_eq!(verdict.kind, ErrorKind::Permission);
            assert_eq!(verdict.message.as_deref(), Some("no rights"));
        }
        other => panic!("{other:?}"),
    }
    let found = read(&connector, asked(), &answer(200, json!({"things": "none"})));
    assert!(matches!(found, Err(SourceError::Page(_))), "{found:?}");
    let limited = with_header(answer(429, json!({})), "retry-after", "7");
    match read(&connector, asked(), &limited) {
        Err(SourceError::Answer { verdict, .. }) => {
            assert_eq!(verdict.wait, Some(std::time::Duration::from_secs(7)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_action_lends_its_request_its_pages_and_its_rules() {
    let connector = connector(json!({
        "actions": [{
            "id": "list_things", "title": "List", "effect": "read",
            "input": {
                "type": "object", "additionalProperties": false,
                "properties": {"of": {"type": "string"}, "kind": {"type": "string"}},
            },
            "output": {"type": "array"},
            "request": {"url": "/things", "query": {"of": "{{input.of}}", "kind": "{{input.kind}}"}},
            "pagination": {
                "items": "{{response.body}}",
                "next": {"type": "page", "place": {"query": "page"}},
                "size": {"place": {"query": "size"}, "items": 1},
            },
            "errors": [{"statuses": [404], "kind": "ok"}],
        }],
        "data_sources": {
            "owners": {"kind": "static", "title": "Owners", "options": [
                {"label": "Ada", "value": "o1"},
            ]},
            "things": {
                "kind": "select", "title": "Things", "depends_on": ["owners"],
                "action": "list_things", "input": {"of": "{{chosen.owners}}", "kind": "{{null}}"},
                "label": "{{item}}", "value": "{{item}}",
            },
        },
    }));
    let first = query(of_ada(), None, None);
    let page = read(&connector, first, &answer(200, json!(["x"]))).expect("a page");
    let next = query(of_ada(), None, page.next);
    let url = called(&connector, next).expect("it is built");
    assert_eq!(url, "https://api.example.com/v1/things?of=o1&size=1&page=2");
    let gone = read(&connector, query(of_ada(), None, None), &answer(404, json!(null)));
    assert!(gone.expect("the action's rule says so").options.is_empty());
}

#[test]
fn secrets_can_be_taken_out_of_every_text() {
    let connector = things(json!({"section": "{{item.team}}"}));
    let body = json!({"things": [{"id": "1", "name": "token-1", "team": "of token-1"}]});
    let page = read(&connector, query(of_ada(), None, None), &answer(200, body));
    let mut options = page.expect("a page").options;
    options.clean(&|text| text.contains("token-1").then(|| text.replace("token-1", "***")));
    let shown = json!(options.into_records()).to_string();
    assert!(!shown.contains("token-1") && shown.contains("of ***"), "{shown}");
}
