//! Patterns for names. Pure.

pub(crate) use model::glob::fits;

/// A pattern in which `*` stands for anything and `?` for one character; case does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob(Vec<char>);

impl Glob {
    /// From its text; every text is a pattern.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.trim().chars().flat_map(char::to_lowercase).collect())
    }

    /// Whether the whole of `name` fits. Takes time in proportion to the product of both lengths at most.
    pub(crate) fn fits(&self, name: &str) -> bool {
        let name: Vec<char> = name.trim().chars().flat_map(char::to_lowercase).collect();
        let (mut at, mut place) = (0_usize, 0_usize);
        // Where the last `*` stands, and from which character on the rest was tried.
        let mut star: Option<(usize, usize)> = None;
        while let Some(&c) = name.get(at) {
            match self.0.get(place) {
                Some('*') => {
                    star = Some((place, at));
                    place += 1;
                }
                Some(&wanted) if wanted == '?' || wanted == c => {
                    at += 1;
                    place += 1;
                }
                _ => {
                    let Some((stood, tried)) = star else { return false };
                    star = Some((stood, tried + 1));
                    (place, at) = (stood + 1, tried + 1);
                }
            }
        }
        self.0.get(place..).unwrap_or_default().iter().all(|rest| *rest == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn patterns_fit_as_people_expect() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("dell*", "Dell Inc.", true),
            ("*r750*", "PowerEdge R750xs", true),
            ("r750", "PowerEdge R750", false),
            ("Power?upply*1", "Power Supply 1", false),
            ("Power?Supply*1", "Power Supply 1", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("", "", true),
            ("", "x", false),
            ("GRÖSSE", "größe", false),
            ("größe", "GRÖßE", true),
        ] {
            assert_eq!(Glob::new(pattern).fits(name), expected, "{pattern:?} and {name:?}");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let pattern = Glob::new(&"*a".repeat(128));
        assert!(!pattern.fits(&("a".repeat(127) + "b")));
        assert!(pattern.fits(&"a".repeat(256)));
    }
}
