use http::Method;
use serde_json::json;

use super::*;
use crate::request::tests::Values;
use crate::samples::{answer, with_header};

fn pagination(value: Value) -> Pagination {
    serde_json::from_value(value).expect("a pagination")
}

fn call() -> Call {
    Call {
        method: Method::GET,
        url: Url::parse("https://api.example.com/items?q=a").expect("a URL"),
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
    }
}

/// Reads pages until the end; gives the URLs that were asked for and the items.
fn read(
    value: Value,
    answers: &[crate::call::Answer],
) -> Result<(Vec<String>, Vec<Value>), PageError> {
    let pagination = pagination(value);
    let mut pager = Pager::new(&pagination, PageLimits::default());
    let scope = Values(json!({}));
    let mut asked = Vec::new();
    for answer in answers {
        assert!(!pager.is_done(), "there is an answer more than pages");
        let mut call = call();
        pager.prepare(&mut call)?;
        asked.push(call.url[url::Position::BeforePath..].to_owned());
        pager.take(&Reading::of(answer), answer.body.len(), &call.url, &scope)?;
    }
    assert!(pager.is_done(), "there are more pages than answers");
    Ok((asked, pager.take_items()))
}

fn items(count: usize) -> Value {
    Value::Array((0..count).map(Value::from).collect())
}

#[test]
fn a_cursor_goes_into_the_next_call_until_it_is_empty() {
    let by_cursor = json!({
        "items": "{{response.body.data}}",
        "next": {"type": "cursor", "cursor": "{{response.body.next}}", "place": {"query": "after"}},
        "size": {"place": {"query": "limit"}, "items": 2},
    });
    for end in [json!(null), json!(""), json!(false)] {
        let answers = [
            answer(200, json!({"data": [1, 2], "next": "c=1"})),
            answer(200, json!({"data": [], "next": 7})),
            answer(200, json!({"data": [3], "next": end})),
        ];
        let (asked, items) = read(by_cursor.clone(), &answers).expect("all pages");
        assert_eq!(
            asked,
            ["/items?q=a&limit=2", "/items?q=a&limit=2&after=c%3D1", "/items?q=a&limit=2&after=7"]
        );
        assert_eq!(items, [1, 2, 3]);
    }
    let stuck = answer(200, json!({"data": [1], "next": "same"}));
    let error = read(by_cursor.clone(), &[stuck.clone(), stuck]).expect_err("it turns in a circle");
    assert!(error.to_string().contains("page 2: the next page has the cursor"), "{error}");
    for odd in [json!({"data": 7}), json!({"data": [], "next": {}})] {
        assert!(read(by_cursor.clone(), &[answer(200, odd)]).is_err());
    }
}

#[test]
fn offsets_and_numbers_are_counted_and_a_short_page_ends() {
    let by_offset = json!({
        "items": "{{response.body}}",
        "next": {"type": "offset", "place": {"query": "start"}},
        "size": {"place": {"query": "limit"}, "items": 2},
    });
    let answers = [answer(200, items(2)), answer(200, items(2)), answer(200, items(1))];
    let (asked, all) = read(by_offset, &answers).expect("all pages");
    assert_eq!(asked[0], "/items?q=a&limit=2&start=0");
    assert_eq!(asked[2], "/items?q=a&limit=2&start=4");
    assert_eq!(all.len(), 5);
    let by_number = json!({
        "items": "{{response.body}}",
        "next": {"type": "page", "place": {"query": "page"}, "first": 0},
    });
    let answers = [answer(200, items(3)), answer(200, items(1)), answer(200, items(0))];
    let (asked, all) = read(by_number, &answers).expect("all pages");
    assert_eq!(asked, ["/items?q=a&page=0", "/items?q=a&page=1", "/items?q=a&page=2"]);
    assert_eq!(all.len(), 4);
}

#[test]
fn a_link_or_url_is_followed_and_may_be_relative() {
    let by_link = json!({"items": "{{response.body}}", "next": {"type": "link_header"}});
    let link = "<https://api.example.com/items?page=1>; rel=\"first prev\", </items?page=3,4>; title=\"a, b\"; REL=next";
    let answers = [with_header(answer(200, items(1)), "link", link), answer(200, items(1))];
    let (asked, _) = read(by_link, &answers).expect("all pages");
    assert_eq!(asked, ["/items?q=a", "/items?page=3,4"]);
    let by_url = json!({"items": "{{response.body.v}}", "next": {"type": "url", "url": "{{response.body.next}}"}});
    let itself = "https://api.example.com/items?q=a";
    let (asked, _) = read(by_url.clone(), &[answer(200, json!({"v": [], "next": itself}))])
        .expect("a page that names itself is the last");
    assert_eq!(asked.len(), 1);
    for bad in ["ftp://x/", "https://u:p@api.example.com/", "https://"] {
        assert!(read(by_url.clone(), &[answer(200, json!({"v": [], "next": bad}))]).is_err());
    }
}

#[test]
fn the_next_place_may_be_in_a_body_or_header() {
    let in_body = pagination(json!({
        "items": "{{response.body.data}}",
        "next": {"type": "cursor", "cursor": "{{response.body.next}}",
                 "place": {"body": "variables.after"}},
        "size": {"place": {"header": "x-limit"}, "items": 5},
    }));
    let mut pager = Pager::new(&in_body, PageLimits::default());
    let answer = answer(200, json!({"data": [1], "next": "c"}));
    let mut one = call();
    one.headers.insert("content-type", "application/json".parse().expect("a value"));
    one.body = br#"{"query":"q","variables":{}}"#.as_slice().into();
    let mut two = one.clone();
    pager.prepare(&mut one).expect("the first");
    assert_eq!(
        (one.body.as_ref(), &one.headers["x-limit"]),
        (two.body.as_ref(), &"5".parse().expect("a value"))
    );
    pager.take(&Reading::of(&answer), 9, &one.url, &Values(json!({}))).expect("a page");
    assert_eq!(pager.page(), json!({"number": 2, "offset": 0, "cursor": "c"}));
    pager.prepare(&mut two).expect("the second");
    assert_eq!(two.body, r#"{"query":"q","variables":{"after":"c"}}"#);
}

#[test]
fn it_stops_at_its_limits_and_says_that_there_is_more() {
    let counted = pagination(json!({
        "items": "{{response.body}}", "next": {"type": "offset", "place": {"query": "o"}},
        "stop_when": {"operator": "$numberGreaterThan", "variable": "{{page.number}}", "argument": 2},
    }));
    let scope = Values(json!({}));
    let full = Reading::of(&answer(200, items(10)));
    let at = call().url;
    let mut by_pages = Pager::new(&counted, PageLimits { pages_max: 1, ..PageLimits::default() });
    by_pages.take(&full, 1, &at, &scope).expect("a page");
    assert!(by_pages.is_done() && by_pages.has_more());
    let mut by_items = Pager::new(&counted, PageLimits { items_max: 15, ..PageLimits::default() });
    by_items.take(&full, 1, &at, &scope).expect("a page");
    assert!(!by_items.is_done());
    by_items.take(&full, 1, &at, &scope).expect("a page");
    assert!(by_items.is_done() && by_items.has_more());
    let mut by_bytes = Pager::new(&counted, PageLimits { bytes_max: 10, ..PageLimits::default() });
    assert!(by_bytes.take(&full, 11, &at, &scope).is_err());
    let mut by_condition = Pager::new(&counted, PageLimits::default());
    for _ in 0..3 {
        assert!(!by_condition.is_done());
        by_condition.take(&full, 1, &at, &scope).expect("a page");
    }
    assert!(by_condition.is_done() && !by_condition.has_more());
}
