//! Icons and logos: SVG texts that people draw and pages show. It says whether one holds shapes and
//! nothing else; it draws nothing and changes nothing.

/// What acts, loads, or is hard to read; in lower case.
const REFUSED: [&str; 11] = [
    "<script",
    "<foreignobject",
    "<image",
    "<use",
    "<style",
    "<!",
    "<?",
    "javascript:",
    "data:",
    "href",
    "url(http",
];

/// Checks that an SVG is shown inside pages without acting or loading anything.
///
/// # Errors
/// What is wrong, for people.
pub fn check(svg: &str, bytes_max: usize) -> Result<(), String> {
    if svg.len() > bytes_max {
        return Err(format!("the icon has {} bytes, at most {bytes_max} are allowed", svg.len()));
    }
    let lower = svg.to_ascii_lowercase();
    if !lower.trim_start().starts_with("<svg") || !lower.trim_end().ends_with("</svg>") {
        return Err("the icon is not one <svg> element".to_owned());
    }
    let has_handler = lower.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '/'));
    if let Some(word) =
        has_handler.filter(|word| word.contains('=')).find(|word| word.starts_with("on"))
    {
        return Err(format!("the icon holds \"{word}\", which is not allowed"));
    }
    match REFUSED.iter().find(|word| lower.contains(**word)) {
        Some(word) => Err(format!("the icon holds \"{}\", which is not allowed", word.trim())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_icon_has_shapes_and_nothing_else() {
        assert_eq!(check("<svg viewBox='0 0 1 1'><path d='M0 0h1v1z'/></svg>", 100), Ok(()));
        for bad in [
            "",
            "shapes",
            "<svg><script>alert(1)</script></svg>",
            "<svg onload=\"alert(1)\"></svg>",
            "<svg><a href='https://x.example'/></svg>",
            "<svg><image src='x'/></svg>",
            "<svg><foreignObject/></svg>",
            "<!doctype svg><svg></svg>",
        ] {
            assert!(check(bad, 100).is_err(), "{bad}");
        }
        assert!(check(&format!("<svg>{}</svg>", " ".repeat(100)), 100).is_err());
    }
}
