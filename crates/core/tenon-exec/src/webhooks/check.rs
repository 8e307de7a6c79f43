//! What a connector says of the webhook triggers of a workflow, before it runs.

use tenon_connector::connector::Connector;
use tenon_connector::manifest::webhooks::{Registration, Webhook};
use tenon_domain::document::did_you_mean;
use tenon_domain::workflow::{Diagnostic, Trigger, Workflow};

/// Every webhook trigger that the connector of the workflow's integration does not fit. Diagnostics
/// carry a pointer and no line.
#[must_use]
pub fn check_webhooks(workflow: &Workflow, connector: &Connector) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, trigger) in workflow.triggers.iter().enumerate() {
        let Trigger::Webhook { webhook: id, events } = trigger else { continue };
        let at = |pointer: &str| format!("/triggers/{index}{pointer}");
        let Some(webhook) = connector.webhook(id) else {
            found.push(unknown_webhook(connector, id, at("/webhook")));
            continue;
        };
        if let Registration::Requests { .. } = webhook.registration {
            let message = format!(
                "the webhook \"{id}\" of \"{}\" has to be subscribed to at the provider for each \
                 account, which is not done yet",
                connector.name()
            );
            let help = "ask the provider by a schedule meanwhile".to_owned();
            found.push(diagnostic("webhook_not_supported", at("/webhook"), message, help));
        }
        for (place, event) in events.iter().enumerate() {
            // A connector that lists no events does not know them.
            if !webhook.events.is_empty() && !webhook.events.contains_key(event) {
                found.push(unknown_event(webhook, event, at(&format!("/events/{place}"))));
            }
        }
    }
    found
}

fn unknown_webhook(connector: &Connector, id: &str, pointer: String) -> Diagnostic {
    let names: Vec<&str> = connector.manifest().webhooks.iter().map(|it| it.id.as_str()).collect();
    let message = format!("\"{}\" has no webhook \"{id}\"", connector.name());
    let help = match names.is_empty() {
        true => "the connector describes no webhooks".to_owned(),
        false => named(id, &names),
    };
    diagnostic("unknown_webhook", pointer, message, help)
}

fn unknown_event(webhook: &Webhook, event: &str, pointer: String) -> Diagnostic {
    let names: Vec<&str> = webhook.events.keys().map(String::as_str).collect();
    let message = format!("the webhook \"{}\" sends no event \"{event}\"", webhook.id);
    diagnostic("unknown_webhook_event", pointer, message, named(event, &names))
}

fn named(wanted: &str, names: &[&str]) -> String {
    did_you_mean(wanted, names.iter().copied())
        .unwrap_or_else(|| format!("there are: {}", names.join(", ")))
}

fn diagnostic(code: &'static str, pointer: String, message: String, help: String) -> Diagnostic {
    let (file, help) = (String::new(), Some(help));
    Diagnostic { file, line: 0, column: 0, pointer, step: None, code, message, help }
}

#[cfg(test)]
mod tests {
    use tenon_connector::catalog::Catalog;
    use tenon_domain::limits::DocumentLimits;
    use tenon_domain::workflow::load;

    use super::*;

    fn faults(connector: &str, trigger: &str) -> Vec<(&'static str, String, String)> {
        let text = format!(
            "version: 1\nname: a\nintegration: {connector}\ntriggers:\n  - {trigger}\nsteps:\n  - \
             {{id: wait, type: delay, seconds: 1}}\n"
        );
        let workflow = load("a.yaml", &text, &DocumentLimits::default()).expect("a workflow");
        let connector = Catalog::default().get(connector).expect("it comes with Tenon");
        let found = check_webhooks(&workflow, &connector);
        found.into_iter().map(|it| (it.code, it.pointer, it.help.unwrap_or_default())).collect()
    }

    #[test]
    fn a_trigger_names_what_the_connector_has() {
        let fits = "{type: webhook, webhook: events, events: [message, app_mention]}";
        assert_eq!(faults("slack", fits), []);
        assert_eq!(faults("slack", "{type: webhook, webhook: events}"), []);
        // HubSpot's lists no events.
        assert_eq!(faults("hubspot", "{type: webhook, webhook: events, events: [any]}"), []);
        let [(code, pointer, help)] = &faults("slack", "{type: webhook, webhook: event}")[..]
        else {
            panic!("one fault")
        };
        assert_eq!((*code, pointer.as_str()), ("unknown_webhook", "/triggers/0/webhook"));
        assert!(help.contains("events"), "{help}");
        let unknown = "{type: webhook, webhook: events, events: [message, zzzzzz]}";
        let [(code, pointer, help)] = &faults("slack", unknown)[..] else { panic!("one fault") };
        assert_eq!((*code, pointer.as_str()), ("unknown_webhook_event", "/triggers/0/events/1"));
        assert!(help.contains("app_mention") && help.contains("reaction_added"), "{help}");
    }

    #[test]
    fn what_has_to_be_subscribed_to_is_refused_for_now() {
        let found = faults("outlook", "{type: webhook, webhook: messages}");
        assert_eq!(found[0].0, "webhook_not_supported");
    }
}
