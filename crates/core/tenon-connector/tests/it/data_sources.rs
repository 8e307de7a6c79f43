//! Data sources: what the loader takes and refuses, and fixtures that show them.

use serde_json::{Value, json};
use tenon_connector::connector::Connector;
use tenon_connector::fixture::{self, Fixture};

use crate::manifests::{acme_value, custom, listed};

/// Shops, their orders, the fields of an order, and everything that is put together from them.
fn sources() -> Value {
    let list = |more: Value| {
        let mut list = json!({
            "kind": "select", "title": "List", "items": "{{response.body.all}}",
            "label": "{{item.name}}", "value": "{{item.id}}",
        });
        for (name, value) in more.as_object().expect("members") {
            list[name.as_str()] = value.clone();
        }
        list
    };
    json!({
        "states": {"kind": "static", "title": "States", "options": [
            {"label": "Open", "value": "open"}, {"label": "Closed", "value": "closed"},
        ]},
        "shops": list(json!({"request": {"url": "/shops"}})),
        "orders": list(json!({
            "depends_on": ["shops"], "request": {"url": "/shops/{{chosen.shops}}/orders"},
        })),
        "order_fields": list(json!({
            "depends_on": ["shops", "orders"],
            "request": {"url": "/orders/{{chosen.orders}}/fields"},
            "form": {"type": "{{item.type}}", "types": {"count": "number"}},
        })),
        "columns": list(json!({
            "depends_on": ["shops"], "request": {"url": "/columns"},
            "search": {"place": {"query": "q"}, "value": "{{lower(search)}}"},
        })),
        "found": {
            "kind": "select", "title": "Found", "action": "list_orders",
            "depends_on": ["states"], "input": {"status": "{{chosen.states}}"},
            "label": "{{item.name}}", "value": "{{item.id}}",
        },
        "shop_and_order": {"kind": "combo", "title": "Order", "main": "shops", "dependent": "orders"},
        "order_form": {
            "kind": "dynamic_combo", "title": "Order", "main": "shops", "dependent": "orders",
            "fields": "order_fields",
        },
        "mapping": {
            "kind": "field_mapper", "title": "Columns", "records": "shops", "fields": "columns",
        },
    })
}

fn with(sources: Value) -> Value {
    let mut manifest = acme_value();
    manifest["data_sources"] = sources;
    manifest
}

fn connector() -> Connector {
    custom(&with(sources())).unwrap_or_else(|found| panic!("{}", listed(&found)))
}

/// What is put where, and what is then told: the code, and the end of its pointer.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    ("/shops/title", r#"" ""#, "empty_text", "/shops/title"),
    ("/shops/kind", r#""list""#, "invalid_value", "/shops/kind"),
    ("/shops/colour", "1", "unknown_field", "/shops/colour"),
    ("/shops/action", r#""list_orders""#, "not_exactly_one", "/shops"),
    ("/shops/request", "null", "not_exactly_one", "/shops"),
    ("/shops/items", "null", "not_exactly_one", "/shops"),
    ("/shops/label", r#""{{itm.name}}""#, "unknown_reference", "/shops/label"),
    ("/shops/label", r#""{{response.body}}""#, "unknown_reference", "/shops/label"),
    ("/shops/request/url", r#""/x/{{chosen.orders}}""#, "unknown_reference", "/shops/request/url"),
    ("/shops/request/url", r#""/x/{{search}}""#, "unknown_reference", "/shops/request/url"),
    ("/shops/request/url", r#""https://10.0.0.1/x""#, "private_host", "/shops/request/url"),
    ("/orders/request/url", r#""{{chosen.shops}}""#, "unsafe_host", "/orders/request/url"),
    ("/columns/request/url", r#""{{search}}/x""#, "unsafe_host", "/columns/request/url"),
    ("/shops/request/method", r#""DELETE""#, "contradiction", "/shops/request"),
    ("/shops/input", r#"{"a": 1}"#, "contradiction", "/shops/input"),
    ("/shops/scopes", r#"["admin"]"#, "unknown_scope", "/shops/scopes/0"),
    ("/shops/search", r#"{"place": {"body": "q"}}"#, "invalid_place", "/shops/search/place"),
    ("/shops/errors", r#"[{"statuses": [42], "kind": "ok"}]"#, "out_of_range", "/statuses/0"),
    ("/shops/depends_on", r#"["nothing"]"#, "unknown_name", "/shops/depends_on/0"),
    ("/shops/depends_on", r#"["mapping"]"#, "unknown_name", "/shops/depends_on/0"),
    ("/shops/depends_on", r#"["orders"]"#, "contradiction", "/shops/depends_on/0"),
    ("/shops/depends_on", r#"["shops"]"#, "contradiction", "/shops/depends_on/0"),
    ("/orders/depends_on", r#"["shops", "shops"]"#, "duplicate_name", "/orders/depends_on/1"),
    ("/found/action", r#""list_order""#, "unknown_name", "/found/action"),
    ("/found/action", r#""create_order""#, "contradiction", "/found/action"),
    ("/found/items", r#""{{response.body}}""#, "contradiction", "/found/items"),
    ("/found/input", r#"{"state": "open"}"#, "unknown_name", "/found/input/state"),
    ("/states/options", "[]", "empty_list", "/states/options"),
    ("/states/options/1/value", r#""open""#, "duplicate_name", "/states/options/1/value"),
    ("/shop_and_order/main", r#""shop""#, "unknown_name", "/shop_and_order/main"),
    ("/shop_and_order/main", r#""orders""#, "contradiction", "/shop_and_order/main"),
    ("/shop_and_order/dependent", r#""states""#, "contradiction", "/shop_and_order/dependent"),
    ("/shop_and_order/dependent", r#""found""#, "contradiction", "/shop_and_order/dependent"),
    ("/order_form/fields", r#""columns""#, "contradiction", "/order_form/fields"),
    ("/mapping/fields", r#""order_fields""#, "contradiction", "/mapping/fields"),
];

#[test]
fn every_broken_rule_is_told_where_it_is() {
    for (place, by, code, end) in BROKEN {
        let mut manifest = with(sources());
        let by: Value = serde_json::from_str(by).expect("JSON");
        let (parent, name) = place.rsplit_once('/').expect("a pointer");
        let parent = manifest.pointer_mut(&format!("/data_sources{parent}")).expect("it is there");
        match (parent, by) {
            (Value::Object(members), Value::Null) => drop(members.remove(name)),
            (Value::Object(members), by) => drop(members.insert(name.to_owned(), by)),
            _ => panic!("{place} is no member"),
        }
        let Err(found) = custom(&manifest) else { panic!("{place}: this is taken") };
        let is_told = found.iter().any(|it| it.code == *code && it.pointer.ends_with(end));
        assert!(is_told, "{place}: {code} is not told: {}", listed(&found));
    }
}

#[test]
fn a_key_is_a_name() {
    let mut manifest = with(sources());
    manifest["data_sources"]["Big Shops"] = manifest["data_sources"]["shops"].clone();
    let Err(found) = custom(&manifest) else { panic!("this is taken") };
    assert!(found.iter().any(|it| it.pointer.contains("Big Shops")), "{}", listed(&found));
}

fn fixture(value: Value) -> Fixture {
    serde_json::from_value(value).expect("a fixture")
}

fn orders(name: &str) -> Value {
    json!({
        "title": "Orders", "run": {"source": "orders"},
        "given": {"fields": {"shop": "north"}, "chosen": {"shops": "s/1"}},
        "exchanges": [{
            "request": {"url": "https://north.acme.example/api/v2/shops/s%2F1/orders"},
            "response": {"json": {"all": [{"id": 1, "name": "Tea"}]}},
        }],
        "expect": {"output": [{"label": name, "value": "1"}]},
    })
}

#[test]
fn a_fixture_shows_what_is_asked_and_what_people_see() {
    let connector = connector();
    let shown = |value: Value| fixture::run(&connector, &fixture(value));
    shown(orders("Tea")).unwrap_or_else(|failure| panic!("{failure}"));
    let failure = shown(orders("Coffee")).expect_err("it says Tea");
    assert!(failure.to_string().contains("Coffee"), "{failure}");
    let mut unasked = orders("Tea");
    unasked["given"]["chosen"] = json!({});
    let failure = shown(unasked).expect_err("nothing was chosen");
    assert!(failure.to_string().contains("choose `shops` first"), "{failure}");
}

#[test]
fn a_fixture_reads_a_page_for_each_exchange_and_finds_in_them() {
    let url = "https://north.acme.example/api/v2/orders?status=open&limit=50";
    let page = |url: &str, name: &str, next: Option<&str>| {
        json!({
            "request": {"url": url},
            "response": {"json": {"orders": [{"id": name, "name": name}], "next": next}},
        })
    };
    let value = json!({
        "title": "Found", "run": {"source": "found"},
        "given": {
            "fields": {"shop": "north"}, "chosen": {"states": "open"}, "search": "o",
        },
        "exchanges": [
            page(url, "one", Some("n")), page(&format!("{url}&after=n"), "three", Some("m")),
            page(&format!("{url}&after=m"), "two", Some("more")),
        ],
        "expect": {"output": [
            {"label": "one", "value": "one"}, {"label": "two", "value": "two"},
        ]},
    });
    fixture::run(&connector(), &fixture(value)).unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn what_comes_back_as_json_is_what_was_read() {
    let manifest = connector().manifest().clone();
    let again = serde_json::to_value(&manifest).expect("a manifest is JSON");
    let again = custom(&again).unwrap_or_else(|found| panic!("{}", listed(&found)));
    assert_eq!(*again.manifest(), manifest);
}
