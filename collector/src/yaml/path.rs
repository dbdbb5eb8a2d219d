//! Where in a document a value stands: `targets[3].interval`.

use std::fmt;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

/// The way from the root of a document to a value. Prints as people read it; empty for the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(Vec<Step>);

/// Beginnings of the words of a key whose value is never shown; mistyped ones count too.
const SECRET_WORDS: [&str; 6] = ["pass", "pwd", "secret", "token", "communit", "psk"];
/// What a key holds where its words are written together.
const SECRET_PARTS: [&str; 3] = ["password", "passphrase", "secret"];

impl Path {
    /// The root of a document.
    pub fn root() -> Self {
        Self::default()
    }

    /// From steps.
    pub fn new(steps: Vec<Step>) -> Self {
        Self(steps)
    }

    /// The value of `key` in the mapping at this path.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// The entry at `index` in the list at this path.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// The steps, from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether this is `ancestor` or stands below it.
    pub fn starts_with(&self, ancestor: &Self) -> bool {
        self.0.starts_with(&ancestor.0)
    }

    /// Whether the value at this path may be a secret, judged by the names of its keys.
    pub fn is_secret(&self) -> bool {
        self.0.iter().any(|step| matches!(step, Step::Key(key) if is_secret_key(key)))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

/// Whether the value of this key may be a secret. Names of files and variables are none.
pub(super) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let names_a_place = key.ends_with("_file") || key.ends_with("_env");
    let begins = |part: &str| SECRET_WORDS.iter().any(|word| part.starts_with(word));
    let says_secret = key.split(['_', '-']).any(|part| part == "key" || begins(part))
        || SECRET_PARTS.iter().any(|part| key.contains(part));
    says_secret && !names_a_place
}

/// Whether a text can be the name of an environment variable. Where one is expected, other text may
/// be the secret itself.
pub fn is_variable_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if !is_plain(key) => write!(f, "[{key:?}]")?,
                Step::Key(key) if position == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_people_write_it() {
        let path = Path::root().key("targets").index(3).key("interval");
        assert_eq!(path.to_string(), "targets[3].interval");
        assert_eq!(Path::root().key("a.b").key("c").to_string(), "[\"a.b\"].c");
    }

    #[test]
    fn a_secret_is_known_by_its_key_and_a_file_name_is_none() {
        for key in ["password", "authPassphrase", "community", "api_token", "priv_key", "passwort"] {
            assert!(Path::root().key("credentials").key(key).is_secret(), "{key}");
        }
        for key in ["password_file", "community_env", "user", "credentials", "interval", "bypass"] {
            assert!(!Path::root().key(key).is_secret(), "{key}");
        }
    }
}
