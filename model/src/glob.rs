//! Patterns for the names of things: metrics, labels, paths, files. Pure.

/// Whether the whole text fits a pattern in which `*` stands for anything; case matters.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("*.yml", "a.yml", true),
            ("*.yml", ".yml", true),
            ("*.yml", "a.yaml", false),
            ("a*b*.json", "axbx.json", true),
            ("a*b*.json", "ab.json", true),
            ("a*b*.json", "a.json", false),
            ("a.json", "a.json", true),
            ("a.json", "ba.json", false),
            ("a.json", "A.json", false),
            ("ab*b.yml", "ab.yml", false),
            ("*RAID*", "Enclosure:RAID.1", true),
            ("RAID*", "XRAID", false),
            ("*RAID", "XRAID", true),
            ("a*b*c", "acb", false),
            ("*", "", true),
            ("a*b**c", "a-b-c", true),
            ("hw.*", "hw.power", true),
            ("*.limit", "hw.voltage", false),
            ("hw.*.limit", "hw.limit", false),
            ("hw.*vol*mit", "hw.voltage.limit", true),
            ("a*b*b", "ab", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
