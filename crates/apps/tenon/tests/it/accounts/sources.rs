//! Options that only the provider knows, as the portal asks for them.

use std::time::Duration;

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::provider::KEY_PREFIX;
use super::proxy::user_token;
use super::stage::Stage;
use crate::product::{answer as answered, fresh_name};
use crate::service::{Call, Reply};

/// The lists of the connector.
pub fn data_sources() -> Value {
    let list = |url: &str, more: Value| {
        let mut list = json!({
            "kind": "select", "title": "List", "request": {"url": url},
            "items": "{{response.body.all}}", "label": "{{item.name}}", "value": "{{item.id}}",
        });
        for (name, value) in more.as_object().expect("members") {
            list[name.as_str()] = value.clone();
        }
        list
    };
    json!({
        "boards": {
            "kind": "select", "title": "Boards", "request": {"url": "/boards"},
            "pagination": {
                "items": "{{response.body.all}}",
                "next": {
                    "type": "cursor", "cursor": "{{response.body.next}}",
                    "place": {"query": "after"},
                },
            },
            "label": "{{item.name}}", "value": "{{item.id}}", "subtitle": "{{item.note}}",
        },
        "cards": list("/boards/{{chosen.boards}}/cards", json!({"depends_on": ["boards"]})),
        "people": list("/people", json!({"search": {"place": {"query": "q"}}})),
        "fresh": list("/fresh", json!({"cache_seconds": 0})),
        "refused_list": list("/refused-list", json!({})),
        "busy_list": list("/busy-list", json!({})),
        "moved_list": list("/moved-list", json!({})),
        "leaky_list": {
            "kind": "select", "title": "Leaky", "request": {"url": "/leaky-list"},
            "pagination": {
                "items": "{{response.body.all}}",
                "next": {"type": "url", "url": "{{response.body.next}}"},
            },
            "label": "{{item.name}}", "value": "{{item.id}}",
        },
        "colors": {"kind": "static", "title": "Colors", "options": [
            {"label": "Red", "value": "red"}, {"label": "Blue", "value": "blue"},
        ]},
        "board_and_card": {
            "kind": "combo", "title": "Board and card", "main": "boards", "dependent": "cards",
        },
    })
}

/// What the provider says of them.
pub fn answer(call: &Call, token: &str) -> Option<Reply> {
    let named = |id: &str, name: &str| json!({"id": id, "name": name});
    let body = match call.path.as_str() {
        "/boards" if call.query.is_empty() => json!({
            "all": [
                {"id": "b1", "name": "Alpha", "note": "The first"},
                {"id": "b2", "name": format!("Beta {token}")},
            ],
            "next": "page 2",
        }),
        "/boards" if call.query == "after=page+2" => json!({"all": [named("b3", "Zeta")]}),
        "/people" => json!({"all": [named("p1", &call.query)]}),
        "/fresh" => {
            let reply = Reply::json(200, &json!({"all": [named("f", "Fresh")]}));
            return Some(reply.after(Duration::from_millis(300)));
        }
        "/refused-list" => {
            return Some(Reply::json(403, &json!({"error": format!("{token} may not")})));
        }
        "/busy-list" => {
            let reply = Reply::json(429, &json!({"error": "slow down"}));
            return Some(reply.header("retry-after", "60"));
        }
        "/moved-list" => {
            return Some(Reply::json(302, &json!({})).header("location", "/boards"));
        }
        "/leaky-list" => json!({"all": [], "next": format!("/leaky-list?key={token}")}),
        path => {
            let board = path.strip_prefix("/boards/")?.strip_suffix("/cards")?;
            json!({"all": [named("c1", &format!("Card of {board}"))]})
        }
    };
    Some(Reply::json(200, &body))
}

/// A stage, and a key that signs for its users.
struct Portal {
    stage: Stage,
    key: Value,
}

impl Portal {
    async fn open() -> Self {
        Self::of(Stage::shared().await).await
    }

    async fn of(stage: Stage) -> Self {
        let (status, key) = stage.product.post("/signing-keys", &json!({})).await;
        assert_eq!(status, StatusCode::CREATED, "{key:#}");
        Self { stage, key }
    }

    async fn sdk(
        &self,
        user: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let product = &self.stage.product;
        let url = format!("{}/projects/{}/sdk/{path}", product.base, product.project);
        let call = product.http.request(method, url).bearer_auth(user_token(&self.key, user));
        answered(if body.is_null() { call } else { call.json(&body) }).await
    }

    async fn ask(&self, user: &str, source: &str, more: Value) -> (StatusCode, Value) {
        let mut body = json!({"action": self.stage.connector, "sourceKey": source});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name.as_str()] = value.clone();
        }
        self.sdk(user, Method::POST, "actions", body).await
    }

    /// The options of the stage's user.
    async fn options(&self, source: &str, more: Value) -> Value {
        let (status, found) = self.ask(&self.stage.user, source, more).await;
        assert_eq!(status, StatusCode::OK, "{source}: {found:#}");
        found["output"].clone()
    }

    fn calls_of(&self, path: &str) -> usize {
        self.stage.provider.api.calls_of(path).len()
    }
}

fn chosen(board: &str) -> Value {
    json!({"parameters": [{"key": "boards", "source": {"type": "VALUE", "value": board}}]})
}

fn page(cursor: &Value) -> Value {
    json!({"paginationParameters": {"pageCursor": cursor}})
}

fn typed(text: &str) -> Value {
    json!({"paginationParameters": {"pageCursor": 0, "search": text}})
}

#[tokio::test]
async fn pages_come_from_the_provider_once_and_then_from_the_cache() {
    let portal = Portal::open().await;
    portal.stage.connect(&portal.stage.user).await;
    let first = portal.options("boards", json!({})).await;
    let records = first["records"].as_array().expect("a list");
    assert_eq!(records[0], json!({"label": "Alpha", "value": "b1", "subtitle": "The first"}));
    // The provider repeats the token that it got; nobody sees it.
    assert_eq!(records[1], json!({"label": "Beta ***", "value": "b2"}));
    let last = portal.options("boards", page(&first["nextPageCursor"])).await;
    assert_eq!(last["records"], json!([{"label": "Zeta", "value": "b3"}]));
    assert_eq!(last["nextPageCursor"], Value::Null);
    assert_eq!(portal.calls_of("/boards"), 2);

    assert_eq!(portal.options("boards", json!({})).await, first);
    // The provider does not search: what was read is looked through, to its last page.
    let found = portal.options("boards", typed("zet")).await;
    assert_eq!(
        found,
        json!({"records": [{"label": "Zeta", "value": "b3"}], "nextPageCursor": null})
    );
    let found = portal.options("boards", typed("nothing like it")).await;
    assert_eq!(found["records"], json!([]));
    assert_eq!(portal.calls_of("/boards"), 2, "a page was asked for twice");

    let (status, refused) = portal.ask(&portal.stage.user, "boards", page(&json!("made-up"))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:#}");
    assert_eq!(portal.calls_of("/boards"), 2);
}

#[tokio::test]
async fn a_list_that_depends_on_another_asks_with_what_was_chosen() {
    let portal = Portal::open().await;
    portal.stage.connect(&portal.stage.user).await;
    let (status, refused) = portal.ask(&portal.stage.user, "cards", json!({})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:#}");
    assert!(refused.to_string().contains("choose `boards` first"), "{refused:#}");
    for (board, path) in [("b1", "/boards/b1/cards"), ("b 2", "/boards/b%202/cards")] {
        for _ in 0..2 {
            let found = portal.options("cards", chosen(board)).await;
            assert_eq!(found["records"][0]["value"], "c1", "{found:#}");
        }
        assert_eq!(portal.calls_of(path), 1, "{path}");
    }
    // The provider searches for people: the text goes to it, once for each text.
    for _ in 0..2 {
        let found = portal.options("people", typed(" ada b ")).await;
        assert_eq!(found["records"][0]["label"], "q=ada+b");
    }
    assert_eq!(portal.options("people", json!({})).await["records"][0]["label"], "p1");
    assert_eq!(portal.calls_of("/people"), 2);
    let colors = portal.options("colors", typed("bl")).await;
    assert_eq!(colors["records"], json!([{"label": "Blue", "value": "blue"}]));
}

#[tokio::test]
async fn the_portal_is_told_of_every_list() {
    let portal = Portal::open().await;
    portal.stage.connect(&portal.stage.user).await;
    let user = &portal.stage.user;
    let (_, all) = portal.sdk(user, Method::GET, "integrations", Value::Null).await;
    let all = all.as_array().expect("a list of integrations");
    let ours = all.iter().find(|it| it["type"] == portal.stage.connector.as_str());
    let sources = &ours.expect("it is there")["sdkIntegrationConfig"]["dataSources"];
    let list = |key: &str, title: &str, depends_on: Value| {
        json!({
            "type": "DYNAMIC_DATA_SOURCE", "title": title, "cacheKey": key,
            "refreshDependencies": depends_on, "supportPagination": true,
        })
    };
    assert_eq!(sources["boards"], list("boards", "Boards", json!([])));
    assert_eq!(sources["cards"], list("cards", "List", json!(["boards"])));
    assert_eq!(
        sources["board_and_card"],
        json!({
            "type": "COMBO_INPUT_DATA_SOURCE", "id": "board_and_card", "title": "Board and card",
            "mainInputSource": sources["boards"], "dependentInputSource": sources["cards"],
        })
    );
    assert_eq!(sources["colors"]["values"][0], json!({"label": "Red", "value": "red"}));
    let (status, refused) = portal.ask(user, "board_and_card", json!({})).await;
    assert_eq!((status, &refused["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
}

#[tokio::test]
async fn callers_at_the_same_time_share_a_call_and_other_accounts_do_not() {
    let portal = Portal::open().await;
    let (user, other) = (portal.stage.user.clone(), fresh_name());
    portal.stage.connect(&user).await;
    let all = join_all((0..8).map(|_| portal.options("fresh", json!({})))).await;
    assert!(all.iter().all(|found| found["records"][0]["label"] == "Fresh"), "{all:#?}");
    assert_eq!(portal.calls_of("/fresh"), 1, "each made its own call");
    // This list is never kept.
    portal.options("fresh", json!({})).await;
    assert_eq!(portal.calls_of("/fresh"), 2);

    portal.options("boards", json!({})).await;
    let (status, refused) = portal.ask(&other, "boards", json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{refused:#}");
    assert_eq!(portal.calls_of("/boards"), 1, "an account of somebody else was used");
    portal.stage.connect(&other).await;
    assert_eq!(portal.ask(&other, "boards", json!({})).await.0, StatusCode::OK);
    assert_eq!(portal.calls_of("/boards"), 2, "what is of another account was shown");
}

#[tokio::test]
async fn a_dead_account_shows_nothing_and_asks_to_be_connected_again() {
    let portal = Portal::open().await;
    let user = portal.stage.user.clone();
    let key = format!("{KEY_PREFIX}{}", fresh_name());
    let credential = portal.stage.connect_by_key(&user, &key).await;
    portal.options("boards", json!({})).await;
    portal.stage.provider.refuse(&key);
    let mut calls = 0;
    for (source, more) in [("cards", chosen("b1")), ("cards", chosen("b1")), ("boards", json!({}))]
    {
        let (status, refused) = portal.ask(&user, source, more).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:#}");
        assert_eq!(refused["code"], "credential_invalid", "{refused:#}");
        assert_eq!(refused["meta"]["isIntegrationError"], true);
        let message = refused["meta"]["message"].as_str().expect("a message");
        assert!(message.contains("connected again"), "{message}");
        assert!(!refused.to_string().contains(&key), "the key is shown: {refused:#}");
        // Once with what was at hand, and once with what the vault has now: it may be newer.
        if calls == 0 {
            calls = portal.stage.provider.api.calls().len();
            assert_eq!(portal.calls_of("/boards/b1/cards"), 2);
        }
    }
    assert_eq!(portal.stage.provider.api.calls().len(), calls, "a dead key was tried again");
    portal.stage.credential_in(&credential, "invalid").await;
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_and_the_list_is_there() {
    let portal = Portal::open().await;
    portal.stage.connect(&portal.stage.user).await;
    let first = portal.stage.provider.last_token("/me");
    // A token that was renewed a moment ago is not renewed again.
    tokio::time::sleep(Duration::from_millis(5_300)).await;
    portal.stage.provider.refuse(&first);
    let found = portal.options("cards", chosen("b1")).await;
    assert_eq!(found["records"][0]["label"], "Card of b1");
    assert_eq!(portal.stage.provider.counters().refreshes, 1);
    assert_ne!(portal.stage.provider.last_token("/boards/b1/cards"), first);
}

#[tokio::test]
async fn what_the_provider_refuses_is_said_without_secrets_and_its_limits_hold() {
    let portal = Portal::open().await;
    let user = portal.stage.user.clone();
    portal.stage.connect(&user).await;
    for (source, wanted) in [
        ("refused_list", "403: *** may not"),
        ("moved_list", "302"),
        // The address would go to a browser as the cursor.
        ("leaky_list", "repeats the credential"),
        ("busy_list", "takes no more calls for now"),
        ("busy_list", "takes no more calls for now"),
        // The limit is the account's, whatever is asked.
        ("boards", "takes no more calls for now"),
    ] {
        let (status, refused) = portal.ask(&user, source, json!({})).await;
        assert_eq!(status, StatusCode::FAILED_DEPENDENCY, "{source}: {refused:#}");
        assert_eq!(refused["code"], "source_failed", "{refused:#}");
        let message = refused["meta"]["message"].as_str().expect("a message");
        assert!(message.contains(wanted), "{source}: {message}");
    }
    assert_eq!((portal.calls_of("/busy-list"), portal.calls_of("/boards")), (1, 0));
}

#[tokio::test]
async fn quotas_of_the_connector_hold_for_lists() {
    let quota = json!([{ "limit": 1, "window_seconds": 60, "path_prefix": "/boards" }]);
    let portal = Portal::of(Stage::with_rules(&json!({ "quotas": quota })).await).await;
    let user = portal.stage.user.clone();
    portal.stage.connect(&user).await;
    portal.options("boards", json!({})).await;
    let (status, refused) = portal.ask(&user, "cards", chosen("b1")).await;
    assert_eq!(
        (status, &refused["code"]),
        (StatusCode::FAILED_DEPENDENCY, &json!("source_failed"))
    );
    // What is in the cache costs nothing.
    portal.options("boards", json!({})).await;
    assert_eq!((portal.calls_of("/boards"), portal.calls_of("/boards/b1/cards")), (1, 0));
}
