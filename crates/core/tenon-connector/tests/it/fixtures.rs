//! The fixture runner: what passes, what differs and how it is said.

use tenon_connector::fixture::{self, File, Folder, run_all};
use tenon_connector::load::Rules;

use crate::manifests::{ACME, acme, listed};

const CREATE: &str = r#"title: An order is created
run: {action: create_order}
given:
  fields: {shop: north}
  token: {access_token: t-1}
  input: {item: tea}
exchanges:
  - request:
      method: POST
      url: https://north.acme.example/api/v2/orders
      headers: {authorization: Bearer t-1}
      json: {item: tea}
    response: {status: 201, json: {id: 7}}
expect:
  output: {id: 7}
"#;

const LIST: &str = r#"title: Orders are read to the end
run: {action: list_orders}
given: {fields: {shop: north}, input: {status: open}}
exchanges:
  - request: {url: "https://north.acme.example/api/v2/orders?limit=50&status=open"}
    response: {json: {orders: [{id: 1}], next: c-2}}
  - request: {url: "https://north.acme.example/api/v2/orders?after=c-2&status=open&limit=50"}
    response: {json: {orders: [{id: 2}], next: null}}
expect: {output: [{id: 1}, {id: 2}]}
"#;

const CONNECT: &str = r#"title: The code becomes a token
run: connect
given: {fields: {shop: north}}
exchanges:
  - request:
      method: POST
      url: https://north.acme.example/oauth/token
      form:
        grant_type: authorization_code
        code: code-1
        redirect_uri: https://tenon.example/oauth/callback
        client_id: client-id
        client_secret: client-secret
        code_verifier: "*"
    response: {json: {access_token: t-1, expires_in: 60, instance: i-1, account: a-1}}
expect:
  token: {access_token: t-1, instance: i-1}
  fields: {account_id: a-1}
  expires_at: "2026-01-02T03:05:05Z"
"#;

fn differences(text: &str) -> Vec<String> {
    let read = fixture::read("x.yaml", text).unwrap_or_else(|found| panic!("{}", listed(&found)));
    fixture::run(&acme(), &read).err().map(|failure| failure.differences).unwrap_or_default()
}

#[test]
fn what_comes_out_as_expected_passes() {
    for text in [CREATE, LIST, CONNECT] {
        assert_eq!(differences(text), Vec::<String>::new());
    }
}

#[test]
fn every_difference_is_said() {
    for (text, what, by, said) in [
        (CREATE, "method: POST", "method: PUT", "request 1: method: expected PUT, got POST"),
        (
            CREATE,
            "v2/orders",
            "v2/order",
            "request 1: url: expected https://north.acme.example/api/v2/order, got https://north.acme.example/api/v2/orders",
        ),
        (
            CREATE,
            "Bearer t-1}",
            "Bearer t-2}",
            "request 1: header authorization: expected Bearer t-2, got Bearer t-1",
        ),
        (
            CREATE,
            "{authorization: Bearer t-1}",
            "{x-other: a}",
            "request 1: header x-other: expected a, got (not there)",
        ),
        (
            CREATE,
            "json: {item: tea}",
            "json: {item: tee, size: 1}",
            "request 1: body.item: expected \"tee\", got \"tea\"",
        ),
        (
            CREATE,
            "json: {item: tea}",
            "json: {item: tea, size: 1}",
            "request 1: body.size: expected 1, got (not there)",
        ),
        (
            CREATE,
            "json: {item: tea}",
            "json: {}",
            "request 1: body.item: expected (not there), got \"tea\"",
        ),
        (
            CREATE,
            "json: {item: tea}",
            "text: tea",
            "request 1: body: expected tea, got {\"item\":\"tea\"}",
        ),
        (CREATE, "output: {id: 7}", "output: {id: 8}", "output.id: expected 8, got 7"),
        (
            CREATE,
            "output: {id: 7}",
            "error: {kind: invalid}",
            "end: expected error invalid, got no error",
        ),
        (
            CREATE,
            "status: 201, json: {id: 7}",
            "status: 404",
            "end: expected no error, got error not_found: ",
        ),
        (
            CREATE,
            "run: {action: create_order}",
            "run: {action: nothing}",
            "end: expected no error, got error bad_input: there is no action \"nothing\"",
        ),
        (CREATE, "run:", "auth: nothing\nrun:", "there is no auth method \"nothing\""),
        (LIST, "?after=c-2&", "?after=c-3&", "request 2: url query after: expected c-3, got c-2"),
        (
            LIST,
            "next: null",
            "next: c-3",
            "request 3: expected no more requests, got GET https://north.acme.example/api/v2/orders?",
        ),
        (
            LIST,
            "next: c-2}",
            "next: null}",
            "request 2: GET https://north.acme.example/api/v2/orders?after=c-2&status=open&limit=50 did not come",
        ),
        (LIST, "{status: open}", "{status: 1}", "end: expected no error, got error invalid: "),
        (
            CONNECT,
            "code: code-1",
            "code: code-2",
            "request 1: form code: expected code-2, got code-1",
        ),
        (
            CONNECT,
            "        client_secret: client-secret\n",
            "",
            "request 1: form client_secret: expected (not there), got client-secret",
        ),
        (
            CONNECT,
            "instance: i-1}\n",
            "instance: i-2}\n",
            "token.instance: expected \"i-2\", got \"i-1\"",
        ),
        (
            CONNECT,
            "account_id: a-1",
            "account_id: a-2",
            "fields.account_id: expected \"a-2\", got \"a-1\"",
        ),
        (
            CONNECT,
            "\"2026-01-02T03:05:05Z\"",
            "null",
            "expires_at: expected (not known), got 2026-01-02T03:05:05Z",
        ),
        (
            CONNECT,
            "{access_token: t-1, expires_in",
            "{access_tokem: t-1, expires_in",
            "end: expected no error, got error garbage: ",
        ),
    ] {
        assert!(text.contains(what), "the fixture has no {what}");
        let found = differences(&text.replacen(what, by, 1));
        assert!(found.iter().any(|line| line.starts_with(said)), "{what} -> {by}: {found:#?}");
    }
}

#[test]
fn an_expected_failure_is_compared_with_its_wait() {
    let text = CREATE
        .replace("status: 201, json: {id: 7}", "status: 429, headers: {retry-after: '9'}")
        .replace("output: {id: 7}", "error: {kind: rate_limited, wait_seconds: 9}");
    assert_eq!(differences(&text), Vec::<String>::new());
    let found = differences(&text.replace("wait_seconds: 9", "wait_seconds: 8"));
    assert_eq!(found, ["error.wait_seconds: expected 8, got 9"]);
}

#[test]
fn an_output_that_should_be_null_is_told_from_none() {
    let text = CREATE.replace("json: {id: 7}}", "json: null}").replace("{id: 7}", "null");
    let read = fixture::read("x.yaml", &text).expect("it says something");
    assert_eq!(read.expect.output, Some(serde_json::Value::Null));
}

#[test]
fn a_fixture_that_cannot_fail_is_refused() {
    for text in [
        "title: x\nrun: connect\nexpect: {}",
        "title: x\nrun: {action: create_order}\nexpect: {token: {}}",
        "title: x\nrun: proxy\nexpect: {}",
        "title: x\nrun: authorize\nexpect: {fields: {}}",
    ] {
        let found = fixture::read("x.yaml", text).expect_err(text);
        assert_eq!((found[0].code, found[0].line), ("expects_nothing", 3), "{text}");
    }
}

#[test]
fn a_fixture_with_a_slip_is_told_with_its_line() {
    let text = CREATE.replace("  - request:", "  - requests:");
    let found = fixture::read("x.yaml", &text).expect_err("it has a slip");
    assert!(
        found.iter().any(|it| it.code == "unknown_field" && it.line == 8),
        "{}",
        listed(&found)
    );
}

fn folder(fixtures: &[&str]) -> Folder {
    let file = |name: &str, text: &str| File { name: name.to_owned(), text: text.to_owned() };
    Folder {
        name: "acme".to_owned(),
        manifest: file("acme/connector.yaml", ACME),
        icon: Some(file(
            "acme/icon.svg",
            "<svg viewBox=\"0 0 24 24\"><path d=\"M0 0h24v24H0z\"/></svg>",
        )),
        fixtures: fixtures.iter().map(|text| file("acme/fixtures/x.yaml", text)).collect(),
    }
}

fn problems(folder: &Folder) -> Vec<String> {
    run_all(folder, &Rules::built_in()).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_connector_without_its_fixtures_is_refused() {
    let checked = run_all(&folder(&[]), &Rules::built_in());
    assert!(!checked.is_good() && checked.connector.is_some());
    assert_eq!(
        problems(&folder(&[CREATE, LIST, CONNECT])),
        [
            "no fixture that ends well shows run: authorize of auth method \"oauth\"",
            "no fixture that ends well shows run: refresh of auth method \"oauth\"",
            "no fixture that ends well shows a call with auth method \"key\"",
            "no fixture that ends well shows run: identity",
            "no fixture that ends well shows run: {webhook: events}",
        ]
    );
    let failing =
        CREATE.replace("{id: 7}", "{id: 8}").replace("status: 201, json: {id: 8}", "status: 201");
    let checked = run_all(&folder(&[&failing]), &Rules::built_in());
    assert!(!checked.ran[0].differences.is_empty());
}

#[test]
fn an_icon_holds_shapes_only() {
    for (icon, is_good) in [
        ("<svg><path d=\"M1 1\"/></svg>", true),
        ("<svg><rect fill=\"#fff\"/></svg>\n", true),
        ("<svg onload=\"x()\"></svg>", false),
        ("<svg\nonload=\"x()\"></svg>", false),
        ("<svg><script>x()</script></svg>", false),
        ("<svg><image href=\"https://x.example/a.png\"/></svg>", false),
        ("<svg><style>*{}</style></svg>", false),
        ("<!DOCTYPE svg><svg></svg>", false),
        ("<svg><foreignObject/></svg>", false),
        ("<svg>", false),
        ("PNG", false),
    ] {
        let mut folder = folder(&[]);
        folder.icon = Some(File { name: "icon.svg".to_owned(), text: icon.to_owned() });
        let said = problems(&folder).iter().any(|problem| problem.starts_with("icon.svg"));
        assert_eq!(said, !is_good, "{icon}");
    }
    let mut folder = folder(&[]);
    folder.icon = None;
    assert!(problems(&folder).contains(&"icon.svg is missing".to_owned()));
}

#[test]
fn a_folder_is_called_as_its_connector() {
    let mut folder = folder(&[]);
    folder.name = "other".to_owned();
    assert_eq!(problems(&folder)[0], "the folder is called other and the connector acme");
}
