//! Signatures as the providers' own documentation describes them. Where it prints an example
//! with its signature, that is used; the others are computed here with another implementation
//! of HMAC than the one that is tested.

use hmac::{Hmac, Mac};
use http::HeaderName;
use sha2::Sha256;

use super::*;
use crate::encoding;
use crate::samples::Person;

fn webhook(members: Value) -> Webhook {
    let mut value = json!({
        "id": "events", "title": "Events", "registration": {"type": "app"},
        "secret": {"app": "signing_secret"},
        "event": "{{item.type}}", "route": {"type": "url"},
    });
    for (name, member) in members.as_object().expect("members") {
        value[name.as_str()] = member.clone();
    }
    serde_json::from_value(value).expect("a webhook")
}

struct Given {
    url: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    at: i64,
}

impl Given {
    fn new(body: impl Into<Vec<u8>>) -> Self {
        Self { url: "https://in.example.com/h/1", headers: Vec::new(), body: body.into(), at: 0 }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn at(self, at: i64) -> Self {
        Self { at, ..self }
    }

    fn take(&self, webhook: &Webhook, secrets: &[&str]) -> Taken {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(HeaderName::from_static(name), value.parse().expect("a value"));
        }
        let url = Url::parse(self.url).expect("a URL");
        let incoming =
            Incoming { method: &Method::POST, url: &url, headers: &headers, body: &self.body };
        let person = Person::new(json!({"client_id": "c"}), json!({}), Value::Null);
        let account = person.ctx().account();
        let now = jiff::Timestamp::from_second(self.at).expect("a moment");
        let seed = crate::context::Seed::new([0; 16]);
        super::take(webhook, &incoming, secrets, &Context::new(account, now, seed))
            .expect("it fits")
    }
}

fn sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// It holds as it is, and not with another body, secret or signature, nor without one.
fn holds(webhook: &Webhook, given: &Given, secret: &str, signature: &'static str) {
    assert_eq!(given.take(webhook, &[secret]).reason, None);
    assert!(given.take(webhook, &["another", secret]).is_verified, "one of several secrets");
    for wrong in ["another-secret", ""] {
        assert!(!given.take(webhook, &[wrong]).is_verified, "secret {wrong:?}");
    }
    assert!(!given.take(webhook, &[]).is_verified);
    let with =
        |body: Vec<u8>, headers: Vec<(&'static str, String)>| Given { body, headers, ..*given };
    let mut longer = given.body.clone();
    longer.push(b' ');
    assert!(!with(longer, given.headers.clone()).take(webhook, &[secret]).is_verified, "body");
    let others = |change: &dyn Fn(&str) -> Option<String>| -> Vec<(&'static str, String)> {
        let changed = given.headers.iter().filter_map(|(name, value)| match *name == signature {
            true => Some((*name, change(value)?)),
            false => Some((*name, value.clone())),
        });
        changed.collect()
    };
    let flipped = others(&|value| {
        let last = if value.ends_with('0') { '1' } else { '0' };
        Some(format!("{}{last}", &value[..value.len() - 1]))
    });
    let cut = others(&|value| Some(value[..value.len() - 2].to_owned()));
    for (what, headers) in [("flipped", flipped), ("cut", cut), ("none", others(&|_| None))] {
        assert!(!with(given.body.clone(), headers).take(webhook, &[secret]).is_verified, "{what}");
    }
}

fn slack() -> Webhook {
    webhook(json!({
        "verification": {
            "type": "hmac", "algorithm": "sha256",
            "message": "v0:{{webhook.headers[\"x-slack-request-timestamp\"]}}:{{webhook.raw}}",
            "signature": {"header": "X-Slack-Signature", "prefix": "v0="},
            "timestamp": {"value": "{{webhook.headers[\"x-slack-request-timestamp\"]}}"},
        },
        "handshake": {
            "when": {"operator": "$stringExactlyMatches", "variable": "{{webhook.body.type}}",
                     "argument": "url_verification"},
            "verified": true,
            "answer": {"body": {"challenge": "{{webhook.body.challenge}}"}},
        },
        "body": "{{if(webhook.form.payload, parse_json(webhook.form.payload ?? 'null'), webhook.body)}}",
        "event": "{{item.event.type ?? item.type}}", "dedupe": "{{item.event_id}}",
        "route": {"type": "field", "value": "{{webhook.body.team_id}}", "field": "team"},
    }))
}

#[test]
fn slacks_documented_example_holds() {
    // From "Verifying requests from Slack".
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&\
                channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&\
                command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F\
                commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&\
                trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    let given = Given::new(body)
        .header("x-slack-request-timestamp", "1531420618")
        .header("x-slack-signature", signature)
        .header("content-type", "application/x-www-form-urlencoded")
        .at(1_531_420_600);
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    holds(&slack(), &given, secret, "x-slack-signature");
    for late in [1_531_420_618 + 301, 1_531_420_618 - 301] {
        let late =
            Given { at: late, headers: given.headers.clone(), body: given.body.clone(), ..given };
        assert!(!late.take(&slack(), &[secret]).is_verified, "too far away in time");
    }
}

fn slack_call(body: &str, kind: &str, secret: &str) -> Given {
    let signature = sha256(secret.as_bytes(), format!("v0:100:{body}").as_bytes());
    Given::new(body)
        .header("x-slack-request-timestamp", "100")
        .header("x-slack-signature", format!("v0={}", encoding::hex(&signature)))
        .header("content-type", kind)
        .at(100)
}

#[test]
fn a_handshake_is_answered_only_where_it_is_proven() {
    let body = r#"{"type":"url_verification","challenge":"ch-1"}"#;
    let given = slack_call(body, "application/json", "s");
    let taken = given.take(&slack(), &["s"]);
    assert_eq!((taken.reply.status, &taken.reply.body), (200, &json!({"challenge": "ch-1"})));
    assert!(taken.events.is_empty());
    let forged = given.take(&slack(), &["other"]);
    assert_eq!(
        (forged.reply.status, forged.is_verified, forged.reply.body),
        (401, false, Value::Null)
    );
}

#[test]
fn events_are_named_and_routed_also_out_of_a_form() {
    let body =
        r#"{"team_id":"T1","event_id":"Ev1","type":"event_callback","event":{"type":"message"}}"#;
    let taken = slack_call(body, "application/json", "s").take(&slack(), &["s"]);
    let [event] = taken.events.as_slice() else { panic!("one event: {taken:?}") };
    assert_eq!((event.event.as_str(), event.dedupe.as_deref()), ("message", Some("Ev1")));
    assert_eq!((event.route.as_deref(), &event.body["event_id"]), (Some("T1"), &json!("Ev1")));
    let form = "payload=%7B%22type%22%3A%22block_actions%22%2C%22team_id%22%3A%22T2%22%7D";
    let taken = slack_call(form, "application/x-www-form-urlencoded", "s").take(&slack(), &["s"]);
    let [event] = taken.events.as_slice() else { panic!("one event: {taken:?}") };
    assert_eq!((event.event.as_str(), event.route.as_deref()), ("block_actions", Some("T2")));
}

fn hmac_webhook(header: &str, members: Value) -> Webhook {
    let mut verification =
        json!({"type": "hmac", "algorithm": "sha256", "signature": {"header": header}});
    for (name, value) in members.as_object().expect("members") {
        verification[name.as_str()] = value.clone();
    }
    webhook(json!({"verification": verification}))
}

#[test]
fn githubs_documented_example_holds() {
    // From "Validating webhook deliveries".
    let github = hmac_webhook(
        "X-Hub-Signature-256",
        json!({"signature": {"header": "X-Hub-Signature-256", "prefix": "sha256="}}),
    );
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let given = Given::new("Hello, World!").header("x-hub-signature-256", signature);
    holds(&github, &given, "It's a Secret to Everybody", "x-hub-signature-256");
}

#[test]
fn standard_webhooks_documented_example_holds_among_several_signatures() {
    // From the Svix documentation, "Verifying webhooks manually".
    let svix = hmac_webhook(
        "svix-signature",
        json!({
            "message": "{{webhook.headers[\"svix-id\"]}}.{{webhook.headers[\"svix-timestamp\"]}}.{{webhook.raw}}",
            "signature": {"header": "svix-signature", "separator": " ", "prefix": "v1,"},
            "encoding": "base64", "secret_encoding": "base64", "secret_prefix": "whsec_",
            "timestamp": {"value": "{{webhook.headers[\"svix-timestamp\"]}}"},
        }),
    );
    let given = Given::new(r#"{"test": 2432232314}"#)
        .header("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
        .header("svix-timestamp", "1614265330")
        .header(
            "svix-signature",
            "v2,bm9uZQ== v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        )
        .at(1_614_265_330);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert_eq!(given.take(&svix, &[secret]).reason, None);
    assert_eq!(given.take(&svix, &["whsec_bm9uZQ==", secret]).reason, None);
    assert!(!given.take(&svix, &["whsec_bm9uZQ=="]).is_verified);
    assert!(!given.take(&svix, &["not base64!"]).is_verified);
}

#[test]
fn stripes_header_of_pairs_holds() {
    let stripe = hmac_webhook(
        "Stripe-Signature",
        json!({
            "message": "{{regex_extract(webhook.headers[\"stripe-signature\"] ?? '', \"t=([0-9]+)\")}}.{{webhook.raw}}",
            "signature": {"header": "Stripe-Signature", "separator": ",", "prefix": "v1="},
            "timestamp": {"value": "{{regex_extract(webhook.headers[\"stripe-signature\"] ?? '', \"t=([0-9]+)\")}}"},
        }),
    );
    let body = r#"{"id":"evt_1","type":"charge.succeeded"}"#;
    let right = encoding::hex(&sha256(b"whsec_x", format!("1492774577.{body}").as_bytes()));
    let given = Given::new(body)
        .header("stripe-signature", format!("t=1492774577,v0=ff00,v1={}", right))
        .at(1_492_774_577);
    holds(&stripe, &given, "whsec_x", "stripe-signature");
}

#[test]
fn plain_hmacs_of_the_body_hold_in_every_encoding() {
    // Shopify and Xero: base64; Linear, Notion: hexadecimal, the latter with a prefix.
    for (header, encoding, prefix) in [
        ("x-shopify-hmac-sha256", "base64", ""),
        ("x-xero-signature", "base64", ""),
        ("linear-signature", "hex", ""),
        ("x-notion-signature", "hex", "sha256="),
    ] {
        let mut place = json!({"header": header});
        if !prefix.is_empty() {
            place["prefix"] = prefix.into();
        }
        let webhook = hmac_webhook(header, json!({"signature": place, "encoding": encoding}));
        for body in [br#"{"type":"x"}"#.to_vec(), vec![0xff, 0x00, 0xfe]] {
            let bytes = sha256(b"secret", &body);
            let signature = match encoding {
                "hex" => encoding::hex(&bytes),
                _ => encoding::base64(&bytes),
            };
            let given = Given::new(body).header(header, format!("{prefix}{signature}"));
            assert_eq!(given.take(&webhook, &["secret"]).reason, None, "{header}");
            assert!(!given.take(&webhook, &["secret2"]).is_verified, "{header}");
        }
    }
}

#[test]
fn twilios_documented_example_holds() {
    // From "Webhooks security": the URL with the sorted form fields, HMAC-SHA1, base64.
    let twilio = hmac_webhook(
        "X-Twilio-Signature",
        json!({
            "algorithm": "sha1", "encoding": "base64",
            "message": "{{webhook.url}}{{join_members(webhook.form)}}",
        }),
    );
    let body = "CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&From=%2B14158675310&\
                To=%2B18005551212";
    let url = "https://example.com/myapp.php?foo=1&bar=2";
    let given = Given { url, ..Given::new(body) }
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-twilio-signature", "L/OH5YylLD5NRKLltdqwSvS0BnU=");
    let given = Given { url, ..given };
    assert_eq!(given.take(&twilio, &["12345"]).reason, None);
    assert!(!given.take(&twilio, &["123456"]).is_verified);
    let elsewhere = Given { url: "https://example.com/myapp.php?foo=2&bar=2", ..given };
    assert!(!elsewhere.take(&twilio, &["12345"]).is_verified);
}

#[test]
fn bytes_that_are_no_text_are_signed_as_they_are() {
    let webhook =
        hmac_webhook("x-sig", json!({"message": "{{webhook.method}}|{{webhook.raw}}|end"}));
    let body = vec![b'a', 0xff, 0xc3, 0x28];
    let mut message = b"POST|".to_vec();
    message.extend_from_slice(&body);
    message.extend_from_slice(b"|end");
    let signature = encoding::hex(&sha256(b"s", &message));
    let given = Given::new(body).header("x-sig", signature);
    assert_eq!(given.take(&webhook, &["s"]).reason, None);
}

#[test]
fn a_shared_secret_and_a_password_are_compared_whole() {
    let shared = webhook(json!({
        "verification": {"type": "shared_secret", "value": "{{webhook.headers[\"x-token\"]}}"},
    }));
    let given = |token: &str| Given::new("{}").header("x-token", token);
    assert!(given("s-1").take(&shared, &["old", "s-1"]).is_verified);
    for wrong in ["s-", "s-11", "S-1", ""] {
        assert!(!given(wrong).take(&shared, &["s-1"]).is_verified, "{wrong:?}");
    }
    assert!(!given("").take(&shared, &[""]).is_verified);
    let basic = webhook(json!({"verification": {"type": "basic", "username": "u"}}));
    let login = |value: &str| Given::new("{}").header("authorization", value);
    assert!(login("Basic dTpw").take(&basic, &["p"]).is_verified);
    for wrong in ["Basic dTpx", "Bearer dTpw", "dTpw", "Basic !"] {
        assert!(!login(wrong).take(&basic, &["p"]).is_verified, "{wrong}");
    }
    assert!(!login("Basic dTo=").take(&basic, &[]).is_verified, "an empty password is none");
}

#[test]
fn signatures_by_a_key_hold() {
    // RFC 8032, 7.1, test 3.
    let key = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
    let signature = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                     18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";
    let by_key = |key: &str| {
        webhook(json!({"verification": {
            "type": "asymmetric", "algorithm": "ed25519", "key": key,
            "signature": {"header": "x-sig"}, "encoding": "hex",
        }}))
    };
    let given = Given::new(vec![0xaf, 0x82]).header("x-sig", signature);
    let raw = encoding::unhex(key).expect("digits");
    let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend_from_slice(&raw);
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", encoding::base64(&der));
    for written in [key, &encoding::base64(&raw), &pem] {
        assert_eq!(given.take(&by_key(written), &[]).reason, None, "{written}");
    }
    let other = Given::new(vec![0xaf, 0x83]).header("x-sig", signature);
    assert!(!other.take(&by_key(key), &[]).is_verified);
    for broken in ["", "zz", &key[2..]] {
        assert!(!given.take(&by_key(broken), &[]).is_verified, "{broken:?}");
    }
}

#[test]
fn a_batch_is_split_and_too_large_a_one_is_refused() {
    let batch = webhook(json!({
        "verification": {"type": "none"},
        "split": "{{webhook.body.events}}", "dedupe": "{{item.id}}", "order": "{{item.object}}",
        "answer": {"status": 202, "headers": {"x-got": "{{length(webhook.body.events)}}"}, "body": "ok"},
    }));
    let body = json!({"events": [{"type": "a", "id": 1, "object": "o"}, {"id": 2}, {"type": "b"}]});
    let taken = Given::new(body.to_string()).take(&batch, &[]);
    let names: Vec<&str> = taken.events.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(names, ["a", "b"], "one without a type is no event");
    assert_eq!(taken.events[0].dedupe.as_deref(), Some("1"));
    assert_eq!(taken.events[0].order.as_deref(), Some("o"));
    let reply = Reply {
        status: 202,
        headers: vec![("x-got".to_owned(), "3".to_owned())],
        body: json!("ok"),
    };
    assert_eq!(taken.reply, reply);
    let many: Vec<Value> = (0..=EVENTS_MAX).map(|id| json!({"type": "a", "id": id})).collect();
    let root = json!({"body": {"events": many}});
    let person = Person::new(json!({}), json!({}), Value::Null);
    let error = super::events(&batch, &root, &person.ctx()).expect_err("too many");
    assert_eq!(error, WebhookError::TooMany { events_max: EVENTS_MAX });
}
