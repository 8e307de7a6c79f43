//! A person at a consent page: reads the page's forms and sends the one with their name on it.

use std::collections::BTreeMap;

use http::StatusCode;
use http::header::LOCATION;
use url::Url;

/// Opens the consent page at `page` and agrees as the user whose form says `user`. Gives the
/// callback, which is not called.
pub async fn agree(page: &Url, user: &str) -> Url {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client can be built");
    let shown = http.get(page.clone()).send().await.expect("the page answers");
    let status = shown.status();
    let html = shown.text().await.expect("the page is text");
    assert_eq!(status, StatusCode::OK, "no consent page: {html}");
    let Form { action, fields, .. } = forms(&html)
        .into_iter()
        .find(|form| form.shown.contains(&format!(">{user}<")))
        .unwrap_or_else(|| panic!("no form for {user}: {html}"));
    let target = page.join(&action).expect("the form's action is a URL");
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let sent = http.post(target).header("content-type", "application/x-www-form-urlencoded");
    let answer = sent.body(body).send().await.expect("the form is answered");
    let location = answer.headers().get(LOCATION).expect("it leads back to the app");
    location.to_str().expect("a URL is text").parse().expect("it leads to a URL")
}

/// A form of a page.
struct Form {
    /// Where it goes.
    action: String,
    /// What it sends.
    fields: BTreeMap<String, String>,
    /// What is inside, as HTML.
    shown: String,
}

fn forms(html: &str) -> Vec<Form> {
    let form = |text: &str| {
        let (head, rest) = text.split_once('>')?;
        let inside = rest.split("</form").next()?;
        let fields = inside
            .split("<input")
            .skip(1)
            .filter_map(|text| {
                let tag = text.split('>').next()?;
                Some((attribute(tag, "name")?, attribute(tag, "value")?))
            })
            .collect();
        Some(Form { action: attribute(head, "action")?, fields, shown: inside.to_owned() })
    };
    html.split("<form").skip(1).filter_map(form).collect()
}

/// The value of a tag's attribute.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    let value = rest.split('"').next()?;
    let plain = value
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    Some(plain)
}
