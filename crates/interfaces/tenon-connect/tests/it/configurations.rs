//! Further configurations of an account.

use http::Method;
use serde_json::{Value, json};

use crate::stage::Stage;

fn id(value: &Value) -> &str {
    value["id"].as_str().expect("an id")
}

#[tokio::test]
async fn each_answer_has_all_of_them_and_the_new_one_is_the_youngest() {
    let stage = Stage::new().await;
    let credential = stage.connect("ann").await;
    let path = format!("/sdk/credentials/{}/configurations", id(&credential));
    let mut known = vec![credential["configurations"][0].clone()];
    for body in [json!({}), json!({"externalId": "ext:team-a"}), json!({"externalId": "team-b"})] {
        let answer = stage.call("ann", Method::POST, &path, Some(body)).await;
        assert_eq!(answer.status, 201);
        let all = answer.json()["configurations"].as_array().expect("a list").clone();
        let added: Vec<_> = all.iter().filter(|one| !known.contains(one)).collect();
        let [added] = added[..] else { panic!("one is new: {all:#?}") };
        let date = |one: &Value| one["dateCreated"].as_str().expect("a date").to_owned();
        assert!(known.iter().all(|one| date(one) < date(added)), "{all:#?}");
        known.push(added.clone());
    }
    assert_eq!(known.iter().filter(|one| one["isDefault"] == true).count(), 1);
    assert_eq!(known[2]["externalId"], "team-a", "without the prefix");
    let body = Some(json!({"externalId": "team-a"}));
    stage.call("ann", Method::POST, &path, body).await.refused(409, "conflict");
}

#[tokio::test]
async fn meta_is_merged_and_the_default_one_stays() {
    let stage = Stage::new().await;
    let credential = stage.connect("ann").await;
    let path = format!("/sdk/credentials/{}/configurations", id(&credential));
    stage.call("ann", Method::POST, &path, Some(json!({"externalId": "team-a"}))).await.ok();
    let token = stage.token("ann");
    let call = async |method: Method, name: &str, body: Option<Value>| {
        let headers =
            [("x-paragon-credential", id(&credential)), ("x-paragon-configuration-id", name)];
        stage.call_with(&token, method, &path, &headers, body).await
    };
    let body = Some(json!({"meta": {"color": "red", "size": 1}}));
    let changed = call(Method::PATCH, "ext:team-a", body).await.ok();
    assert_eq!(changed["configurations"][1]["configMeta"], json!({"color": "red", "size": 1}));
    assert_eq!(changed["configurations"][0]["configMeta"], json!({}));
    let default = id(&credential["configurations"][0]);
    call(Method::DELETE, default, None).await.refused(409, "conflict");
    let left = call(Method::DELETE, "ext:team-a", None).await.ok();
    assert_eq!(left["configurations"].as_array().map(Vec::len), Some(1));
    call(Method::DELETE, "ext:team-a", None).await.refused(404, "not_found");
    let answer = stage.call("ann", Method::DELETE, &path, None).await;
    answer.refused(422, "invalid_field");
}
