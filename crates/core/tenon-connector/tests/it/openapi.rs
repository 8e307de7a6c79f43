//! The import of API descriptions, of each version.

use serde_json::{Value, json};
use tenon_connector::connector::Connector;
use tenon_connector::manifest::Manifest;
use tenon_connector::openapi::{Draft, ImportError, Options, import};

use crate::manifests::listed;

const V2: &str = r##"swagger: 2.0
info: {title: Pet Store, description: "Pets.\n\nMore about them.", version: 1.0.0}
host: pets.example.com
basePath: /v1/
schemes: [http, https]
consumes: [application/json]
securityDefinitions:
  key: {type: apiKey, name: X-Key, in: header}
  app: {type: oauth2, flow: accessCode, authorizationUrl: "https://pets.example.com/authorize", tokenUrl: "https://pets.example.com/token", scopes: {"read:pets": See pets}}
  old: {type: oauth2, flow: implicit, authorizationUrl: "https://pets.example.com/authorize", scopes: {}}
security: [{key: []}]
paths:
  /pets/{petId}:
    parameters:
      - {name: petId, in: path, required: true, type: integer, format: int64}
    get:
      operationId: getPetById
      security: [{app: ["read:pets"]}, {key: []}]
      responses:
        200: {description: ok, schema: {$ref: "#/definitions/Pet"}}
        default: {description: error}
    delete: {operationId: deletePet, responses: {204: {description: gone}}}
  /pets:
    get:
      summary: List pets
      parameters:
        - {name: tags, in: query, type: array, items: {type: string}, collectionFormat: multi, description: Tags to look for}
        - {name: ids, in: query, type: array, items: {type: integer}}
        - {name: "page[size]", in: query, type: integer, maximum: 100, exclusiveMaximum: true}
        - {name: X-Trace, in: header, type: string}
        - {name: session, in: cookie, type: string}
      responses: {200: {description: ok, schema: {type: array, items: {$ref: "#/definitions/Pet"}}}}
    post:
      operationId: addPet
      parameters: [{name: pet, in: body, required: true, schema: {$ref: "#/definitions/Pet"}}]
      responses: {201: {description: ok}}
  /pets/{petId}/photo:
    post:
      operationId: uploadPhoto
      consumes: [multipart/form-data]
      parameters:
        - {name: petId, in: path, required: true, type: integer}
        - {name: file, in: formData, type: file, required: true}
        - {name: note, in: formData, type: string}
      responses: {200: {description: ok}}
  /legacy:
    get:
      security: [{old: []}]
      responses: {200: {description: ok}}
definitions:
  Pet:
    type: object
    required: [name]
    properties:
      name: {type: string, x-nullable: true, pattern: "^(?=a)"}
      parent: {$ref: "#/definitions/Pet"}
"##;

const V3: &str = r##"{
  "openapi": "3.0.3",
  "info": {"title": "Acme CRM!", "version": "2"},
  "servers": [
    {"url": "https://{region}.acme.example/{base}", "variables": {
      "region": {"enum": ["eu", "us"], "default": "eu"},
      "base": {"default": "v2", "description": "Version of the API"}}},
    {"url": "https://sandbox.acme.example"}
  ],
  "components": {
    "securitySchemes": {
      "oauth": {"type": "oauth2", "flows": {
        "authorizationCode": {"authorizationUrl": "https://acme.example/authorize", "tokenUrl": "https://acme.example/token", "refreshUrl": "https://acme.example/refresh", "scopes": {"read": "", "write": "Change things"}},
        "clientCredentials": {"tokenUrl": "https://acme.example/token", "scopes": {}},
        "password": {"tokenUrl": "https://acme.example/token", "scopes": {}}}},
      "bearer": {"type": "http", "scheme": "Bearer"},
      "digest": {"type": "http", "scheme": "digest"},
      "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://acme.example/.well-known/openid-configuration"}
    },
    "parameters": {"Limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "nullable": true, "minimum": 0, "exclusiveMinimum": true}}},
    "requestBodies": {"Contact": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Contact"}}}}},
    "schemas": {
      "Contact": {"type": "object", "required": ["email"], "properties": {
        "id": {"type": "string", "readOnly": true},
        "email": {"type": "string", "format": "email", "example": "a@example.com"},
        "company": {"$ref": "#/components/schemas/Company"}}},
      "Company": {"type": "object", "properties": {"name": {"type": "string"}}},
      "Any": {"oneOf": [{"$ref": "#/components/schemas/Contact"}, {"$ref": "#/components/schemas/Company"}], "discriminator": {"propertyName": "kind"}}
    }
  },
  "security": [{"oauth": ["read"]}],
  "paths": {
    "/contacts": {
      "get": {"operationId": "contacts.list", "deprecated": true,
        "parameters": [
          {"$ref": "#/components/parameters/Limit"},
          {"name": "ids", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
          {"name": "fields", "in": "query", "explode": false, "schema": {"type": "array", "items": {"type": "string"}}},
          {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}}],
        "responses": {"2XX": {"description": "ok", "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Contact"}}}}}}},
      "post": {"operationId": "contacts.list", "security": [{"oauth": ["write"]}],
        "requestBody": {"$ref": "#/components/requestBodies/Contact"},
        "responses": {"201": {"description": "ok"}},
        "callbacks": {"done": {"{$request.body#/url}": {"post": {"responses": {}}}}}}
    },
    "/any": {"put": {"requestBody": {"content": {"application/vnd.acme+json": {"schema": {"$ref": "#/components/schemas/Any"}}}}, "responses": {"200": {"description": "ok"}}}},
    "/form": {"post": {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "object"}}}}}}, "responses": {}}},
    "/raw": {"post": {"requestBody": {"required": true, "content": {"text/csv": {"schema": {"type": "string"}}}}, "responses": {}}},
    "/files": {"servers": [{"url": "https://files.acme.example/v1"}], "get": {"responses": {}}},
    "/filter": {"get": {"parameters": [{"name": "q", "in": "query", "required": true, "schema": {"type": "object"}}], "responses": {}}},
    "/digest": {"get": {"security": [{"digest": []}], "responses": {}}},
    "/external": {"get": {"parameters": [{"$ref": "other.json#/Limit"}], "responses": {"200": {"$ref": "#/nowhere"}}}},
    "/get-with-body": {"get": {"requestBody": {"content": {"application/json": {"schema": {}}}}, "responses": {}}, "options": {"responses": {}}}
  }
}"##;

const V31: &str = r##"openapi: 3.1.0
info: {title: Two Keys, version: "1"}
paths:
  /things/{thing-id}:
    post:
      parameters:
        - {name: thing-id, in: path, required: true, schema: {type: [string, "null"], const: a}}
        - {name: body, in: query, schema: {type: string}}
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties: {body: {type: string}, more: {exclusiveMinimum: 3, type: number}}
      responses: {"200": {description: ok, content: {application/json: {schema: true}}}}
components:
  securitySchemes:
    app-key: {type: apiKey, in: query, name: key}
    app-token: {type: apiKey, in: header, name: X-Token}
security: [{app-key: [], app-token: []}]
webhooks:
  thing.created: {post: {responses: {}}}
"##;

fn drafted(text: &str) -> (Draft, Manifest) {
    let draft = import("spec", text, &Options::default()).expect("it is a description");
    let connector = Connector::load("connector.yaml", &draft.manifest)
        .unwrap_or_else(|found| panic!("{}\n{}", listed(&found), draft.manifest));
    (draft, connector.manifest().clone())
}

fn value(manifest: &Manifest) -> Value {
    serde_json::to_value(manifest).expect("a manifest is JSON")
}

fn action(manifest: &Manifest, id: &str) -> Value {
    let found = manifest.actions.iter().find(|action| action.id == id);
    let ids: Vec<&str> = manifest.actions.iter().map(|action| action.id.as_str()).collect();
    serde_json::to_value(found.unwrap_or_else(|| panic!("{id} is none of {ids:?}"))).expect("so")
}

fn said<'a>(draft: &'a Draft, pointer: &str) -> Vec<&'a str> {
    let of = draft.unmapped.iter().filter(|part| part.pointer == pointer);
    of.map(|part| part.reason.as_str()).collect()
}

#[test]
fn version_2_becomes_a_connector() {
    let (draft, manifest) = drafted(V2);
    let whole = value(&manifest);
    assert_eq!((manifest.name.as_str(), manifest.description.as_str()), ("pet-store", "Pets."));
    assert_eq!(whole["proxy"]["base_url"], json!([{"url": "https://pets.example.com/v1"}]));
    let types: Vec<&Value> =
        whole["auth"].as_array().expect("so").iter().map(|it| &it["type"]).collect();
    assert_eq!(types, ["oauth2", "api_key"]);
    assert_eq!(whole["auth"][1]["inject"]["headers"], json!({"X-Key": "{{fields.api_key}}"}));
    assert_eq!((draft.operations, draft.actions), (6, 5));
    assert_eq!(said(&draft, "/securityDefinitions/old").len(), 1);
    assert_eq!(said(&draft, "/paths/~1legacy/get").len(), 1);

    let get = action(&manifest, "get_pet_by_id");
    assert_eq!(get["request"]["url"], "/pets/{{input.petId}}");
    assert_eq!((&get["effect"], &get["scopes"]), (&json!("read"), &json!(["read:pets"])));
    assert_eq!(get["input"]["required"], json!(["petId"]));
    assert_eq!(action(&manifest, "delete_pet")["effect"], "delete");

    let list = action(&manifest, "get_pets");
    assert_eq!(list["title"], "List pets");
    assert_eq!(list["input"]["properties"]["tags"]["type"], "array");
    assert_eq!(list["input"]["properties"]["ids"]["type"], "string");
    assert_eq!(
        list["input"]["properties"]["page[size]"],
        json!({"type": "integer", "exclusiveMaximum": 100})
    );
    assert_eq!(list["request"]["query"]["page[size]"], "{{input[\"page[size]\"]}}");
    assert_eq!(list["request"]["headers"], json!({"X-Trace": "{{input[\"X-Trace\"]}}"}));
    assert!(
        said(&draft, "/paths/~1pets/get").iter().any(|why| why.contains("cookie")),
        "{:?}",
        draft.unmapped
    );
}

#[test]
fn a_schema_that_holds_itself_stays_finite() {
    let (draft, manifest) = drafted(V2);
    let add = action(&manifest, "add_pet");
    // The body is the schema that holds itself, so it is one property.
    assert_eq!(add["request"]["body"], json!({"json": "{{input.body}}"}));
    let pet = json!({
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": ["string", "null"]}, "parent": {"$ref": "#/$defs/Pet"}},
    });
    assert_eq!(add["input"]["$defs"], json!({"Pet": pet}));
    assert!(said(&draft, "/paths/~1pets/post").iter().any(|why| why.contains("pattern")));
    let connector = Connector::load("connector.yaml", &draft.manifest).expect("it loads");
    let validator = connector.input_validator("add_pet").expect("it compiles");
    assert!(validator.is_valid(&json!({"body": {"name": "a", "parent": {"name": "b"}}})));
    assert!(!validator.is_valid(&json!({"body": {"name": "a", "parent": {"parent": {}}}})));
}

#[test]
fn files_become_parts() {
    let (_, manifest) = drafted(V2);
    let upload = action(&manifest, "upload_photo");
    assert_eq!(
        upload["request"]["body"]["multipart"],
        json!([{"name": "file", "file": "{{input.file}}"}, {"name": "note", "value": "{{input.note}}"}])
    );
    assert_eq!(upload["input"]["required"], json!(["petId", "file"]));
}

#[test]
fn version_3_becomes_a_connector() {
    let (draft, manifest) = drafted(V3);
    let whole = value(&manifest);
    assert_eq!(manifest.name, "acme-crm");
    assert_eq!(
        whole["proxy"]["base_url"][0]["url"],
        "https://{{fields.region}}.acme.example/{{fields.base}}"
    );
    assert_eq!(whole["fields"][0]["type"], "select");
    assert_eq!(
        (&whole["fields"][0]["default"], &whole["fields"][1]["default"]),
        (&json!("eu"), &json!("v2"))
    );
    assert_eq!(said(&draft, "/servers/1"), ["only the first server is used"]);
    let auth: Vec<(&str, &str)> = whole["auth"]
        .as_array()
        .expect("so")
        .iter()
        .map(|it| (it["id"].as_str().expect("so"), it["type"].as_str().expect("so")))
        .collect();
    assert_eq!(
        auth,
        [("oauth", "oauth2"), ("oauth_2", "client_credentials"), ("bearer", "api_key")]
    );
    assert_eq!(whole["auth"][0]["refresh"]["url"], "https://acme.example/refresh");
    for (pointer, count) in [
        ("/components/securitySchemes/oauth/flows/password", 1),
        ("/components/securitySchemes/digest", 1),
        ("/components/securitySchemes/oidc", 1),
        ("/paths/~1digest/get", 1),
        ("/paths/~1filter/get", 1),
        ("/paths/~1get-with-body/get", 1),
        ("/paths/~1get-with-body/options", 1),
        ("/paths/~1contacts/post/callbacks", 1),
        ("/paths/~1form/post", 1),
        ("/paths/~1any/put", 1),
    ] {
        assert_eq!(said(&draft, pointer).len(), count, "{pointer}: {:#?}", draft.unmapped);
    }
    assert_eq!((draft.operations, draft.actions), (10, 7));
}

#[test]
fn parameters_and_bodies_of_version_3_are_mapped() {
    let (draft, manifest) = drafted(V3);
    let list = action(&manifest, "contacts_list");
    let properties = &list["input"]["properties"];
    assert_eq!(properties["limit"], json!({"type": ["integer", "null"], "exclusiveMinimum": 0}));
    assert_eq!(
        (&properties["ids"]["type"], &properties["fields"]["type"]),
        (&json!("array"), &json!("string"))
    );
    assert!(properties.get("filter").is_none());
    assert_eq!(list["hints"], json!({"deprecated": true}));
    assert_eq!(
        list["output"]["items"]["properties"]["company"]["properties"]["name"]["type"],
        "string"
    );

    let create = action(&manifest, "contacts_list_2");
    assert_eq!(create["scopes"], json!(["write"]));
    assert_eq!(create["input"]["required"], json!(["email"]));
    assert_eq!(
        create["request"]["body"]["json"],
        json!({"id": "{{input.id}}", "email": "{{input.email}}", "company": "{{input.company}}"})
    );
    let any = action(&manifest, "put_any");
    assert_eq!(any["request"]["body"], json!({"json": "{{input.body}}"}));
    assert_eq!((&any["idempotent"], &any["effect"]), (&json!(true), &json!("update")));
    assert_eq!(any["input"]["properties"]["body"]["oneOf"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        action(&manifest, "post_form")["request"]["body"],
        json!({"form": {"a": "{{input.a}}"}})
    );
    assert_eq!(
        action(&manifest, "post_raw")["request"]["body"],
        json!({"raw": {"content": "{{input.body}}", "content_type": "text/csv"}})
    );
    let files = action(&manifest, "get_files");
    assert_eq!(files["request"]["url"], "https://files.acme.example/v1/files");
    assert_eq!(value(&manifest)["proxy"]["allowed_hosts"], json!(["files.acme.example"]));
    let external = said(&draft, "/paths/~1external/get");
    assert!(external.iter().any(|why| why.contains("another file")), "{external:?}");
}

#[test]
fn version_3_1_becomes_a_connector() {
    let (draft, manifest) = drafted(V31);
    let whole = value(&manifest);
    assert_eq!(whole["proxy"]["base_url"][0]["url"], "{{fields.base_url}}");
    assert_eq!(said(&draft, "/servers").len(), 1);
    assert_eq!(said(&draft, "/webhooks/thing.created").len(), 1);
    // Keys that are required together are one method.
    assert_eq!(manifest.auth.len(), 1);
    assert_eq!(whole["auth"][0]["type"], "fields");
    assert_eq!(whole["auth"][0]["inject"]["query"], json!({"key": "{{fields.app_key}}"}));
    assert_eq!(whole["auth"][0]["inject"]["headers"], json!({"X-Token": "{{fields.app_token}}"}));
    let post = action(&manifest, "post_things_thing_id");
    assert_eq!(post["request"]["url"], "/things/{{input[\"thing-id\"]}}");
    assert_eq!(
        post["input"]["properties"]["thing-id"],
        json!({"type": ["string", "null"], "const": "a"})
    );
    // A parameter has the body's name for one of its members, so the body is whole.
    assert_eq!(post["request"]["body"], json!({"json": "{{input.body_2}}"}));
    assert_eq!(post["input"]["properties"]["body_2"]["properties"]["more"]["exclusiveMinimum"], 3);
}

#[test]
fn what_is_no_description_is_refused() {
    for text in [
        "",
        "{",
        "a: [",
        "title: x",
        "{\"openapi\": \"4.0\", \"paths\": {}}",
        "swagger: '1.2'\npaths: {}",
        "openapi: 3.0.0",
    ] {
        let error = import("spec", text, &Options::default()).expect_err(text);
        assert!(
            matches!(error, ImportError::Unreadable(_) | ImportError::NotOpenApi(_)),
            "{error}"
        );
    }
    let small = Options { spec_bytes_max: 10, ..Options::default() };
    assert!(matches!(import("spec", V2, &small), Err(ImportError::Unreadable(_))));
}

#[test]
fn a_name_can_be_given() {
    let options = Options { name: Some("my-pets".to_owned()), ..Options::default() };
    assert_eq!(import("spec", V2, &options).expect("it is one").name, "my-pets");
    let wrong = Options { name: Some("My Pets".to_owned()), ..Options::default() };
    assert!(matches!(import("spec", V2, &wrong), Err(ImportError::Broken(_))));
}

#[test]
fn a_schema_that_unfolds_without_end_is_cut() {
    let mut schemas = serde_json::Map::new();
    for level in 0..30 {
        let next = json!({"$ref": format!("#/components/schemas/L{}", level + 1)});
        let members: Vec<(String, Value)> =
            (0..4).map(|n| (format!("m{n}"), next.clone())).collect();
        let properties: serde_json::Map<String, Value> = members.into_iter().collect();
        schemas.insert(format!("L{level}"), json!({"type": "object", "properties": properties}));
    }
    schemas.insert("L30".to_owned(), json!({"type": "string"}));
    let spec = json!({
        "openapi": "3.0.0", "info": {"title": "Wide", "version": "1"},
        "servers": [{"url": "https://wide.example.com"}],
        "components": {"schemas": schemas},
        "paths": {"/x": {"get": {"responses": {"200": {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/L0"}}}}}}}},
    });
    let (draft, manifest) = drafted(&spec.to_string());
    assert_eq!(manifest.actions.len(), 1);
    assert!(draft.manifest.len() < 256 << 10, "{} bytes", draft.manifest.len());
    assert!(said(&draft, "/paths/~1x/get").iter().any(|why| why.contains("cut")));
}

mod robustness {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever stands in a place of a description, there is an answer, and a draft loads.
        #[test]
        fn a_description_with_anything_anywhere_is_answered(
            version in 0..3_usize,
            place in 0..500_usize,
            what in 0..9_usize,
        ) {
            let text = [V2, V3, V31][version];
            let limits = tenon_domain::document::ReadLimits { bytes_max: 1 << 20, depth_max: 99, diagnostics_max: 9 };
            let (value, _) = tenon_domain::document::read_leniently("spec", text, limits);
            let mut value = value.expect("it can be read");
            let pointers = crate::manifests::pointers_of(&value);
            let pointer = &pointers[place % pointers.len()];
            let odd = [
                json!(null), json!(""), json!([]), json!({}), json!(-1), json!("{{x}}"),
                json!({"$ref": "#"}), json!({"$ref": "#/paths"}), json!("{a}{b"),
            ];
            *value.pointer_mut(pointer).expect("it is there") = odd[what].clone();
            match import("spec.json", &value.to_string(), &Options::default()) {
                Ok(draft) => prop_assert!(Connector::load("c.yaml", &draft.manifest).is_ok(), "{pointer}"),
                Err(ImportError::Broken(found)) => prop_assert!(false, "{pointer}: {}", listed(&found)),
                Err(_) => {}
            }
        }
    }
}
