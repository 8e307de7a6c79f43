//! "did you mean": the nearest of the names that would have been right.

/// `did you mean "lookup"?` for the nearest candidate that is near enough to be a slip.
pub fn did_you_mean<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(written, candidates).map(|name| format!("did you mean \"{name}\"?"))
}

/// The nearest candidate, else the list of all of them.
#[must_use]
pub fn one_of<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    did_you_mean(written, candidates.clone()).unwrap_or_else(|| expected(candidates))
}

/// `expected "a", "b" or "c"`.
#[must_use]
pub fn expected<'a>(candidates: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> =
        candidates.into_iter().map(|candidate| format!("\"{candidate}\"")).collect();
    match quoted.split_last() {
        None => "nothing is allowed here".to_owned(),
        Some((only, [])) => format!("expected {only}"),
        Some((last, others)) => format!("expected {} or {last}", others.join(", ")),
    }
}

fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Beyond this a comparison costs more than a hint is worth.
    const COMPARED_BYTES_MAX: usize = 128;
    if written.len() > COMPARED_BYTES_MAX {
        return None;
    }
    let folded = written.to_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|name| (strsim::osa_distance(&folded, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.len().max(folded.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, one_of};

    #[test]
    fn a_slip_is_recognised() {
        for (written, meant) in
            [("lokup", "lookup"), ("get", "GET"), ("ignore-failure", "ignore_failure")]
        {
            let help = did_you_mean(written, ["else", "lookup", "GET", "ignore_failure"]);
            assert_eq!(help, Some(format!("did you mean \"{meant}\"?")), "{written}");
        }
        assert_eq!(did_you_mean("b", ["a"]), None);
    }

    #[test]
    fn a_stranger_gets_the_list() {
        assert_eq!(
            one_of("zebra", ["then", "else", "next"]),
            "expected \"then\", \"else\" or \"next\""
        );
    }
}
