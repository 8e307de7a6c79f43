//! The codes of failed steps and runs. Each has a page, `docs/errors/<code>.md`.
//!
//! The codes themselves stand where the failures arise; the tests here hold this list, the source
//! and the pages together. Codes of refused HTTP requests are not here but in the interfaces.

/// Every code that a step, a run or the answer of a run may carry.
pub const ALL: &[&str] = &[
    "action_input",
    "action_result",
    "connector_busy",
    "credential_invalid",
    "credential_not_renewed",
    "credential_refused",
    "delay_range",
    "delay_type",
    "fan_out_limit",
    "fan_out_type",
    "function_memory",
    "function_result",
    "function_syntax",
    "function_threw",
    "function_timeout",
    "function_unavailable",
    "integration_inactive",
    "integration_misconfigured",
    "integration_unavailable",
    "no_account",
    "no_response",
    "parked",
    "provider_error",
    "rate_limited",
    "request_auth",
    "request_body",
    "request_header",
    "request_no_answer",
    "request_pagination",
    "request_refused",
    "request_response",
    "request_status",
    "request_template",
    "request_too_large",
    "request_unreachable",
    "request_url",
    "response_step",
    "run_failed",
    "secret_missing",
    "secret_not_allowed",
    "secret_refused",
    "secret_unavailable",
    "step_failed",
    "template",
    "unknown_action",
    "unknown_connector",
    "user_disabled",
    "workflow_broken",
    "workflow_gone",
    "workflow_undeployed",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::ALL;

    /// What stands before a code in the source, without white space.
    const PLACES: [&str; 6] =
        ["Failure::new(\"", "Self::new(\"", "permanent(\"", "code:\"", "=>(\"", "(502,\""];

    /// The codes in a source text. A text in one of the places that is not in snake case is a
    /// message, not a code.
    fn codes_in(source: &str, places: &[&str]) -> BTreeSet<String> {
        let dense: String = source.split_whitespace().collect();
        let after = |place: &&str| {
            dense
                .split(*place)
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
                .collect::<Vec<_>>()
        };
        let found = places.iter().flat_map(after);
        let is_code = |text: &&str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        found.filter(is_code).map(str::to_owned).collect()
    }

    fn read_sources(folder: &Path, places: &[&str], codes: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("the source is there") {
            let path = entry.expect("the source can be listed").path();
            if path.is_dir() {
                read_sources(&path, places, codes);
            } else if path.file_name().is_some_and(|name| name != "codes.rs") {
                let source = std::fs::read_to_string(&path).expect("UTF-8 source");
                codes.extend(codes_in(&source, places));
            }
        }
    }

    #[test]
    fn the_list_holds_exactly_the_codes_in_the_source() {
        let mut used = BTreeSet::new();
        let exec = Path::new(env!("CARGO_MANIFEST_DIR"));
        read_sources(&exec.join("src"), &PLACES, &mut used);
        // Calls are built there; steps pass its codes on.
        let connector = exec.join("../tenon-connector/src");
        read_sources(&connector, &["BuildError::new(\""], &mut used);
        let listed: BTreeSet<String> = ALL.iter().map(|&code| code.to_owned()).collect();
        assert_eq!(used, listed);
    }

    #[test]
    fn every_code_has_a_page_and_a_line_in_the_index() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/errors");
        let index = std::fs::read_to_string(folder.join("README.md")).expect("the index exists");
        for code in ALL {
            let page = std::fs::read_to_string(folder.join(format!("{code}.md")));
            let page = page.unwrap_or_else(|error| panic!("{code}: {error}"));
            assert!(page.starts_with(&format!("# {code}\n")), "{code}: wrong heading");
            assert!(index.contains(&format!("({code}.md)")), "{code} is not in the index");
        }
    }

    #[test]
    fn a_code_is_found_on_a_line_of_its_own_too() {
        let source = "Failure::new(\n    \"delay_range\",\n permanent(\"`x` is wrong\".to_owned())";
        assert_eq!(codes_in(source, &PLACES), BTreeSet::from(["delay_range".to_owned()]));
    }
}
