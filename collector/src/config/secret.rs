//! Secrets, from a file or an environment variable; never from the configuration itself.
//!
//! What was read never appears in a message.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use secrecy::SecretString;

use super::flaw::Flaw;
use crate::yaml::is_variable_name;

/// Largest secret file, in bytes: a password or token, not a document.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// Where relative paths start, and what environment variables say.
pub struct Surroundings<'a> {
    /// Folder of the configuration file.
    pub folder: &'a Path,
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// Keys of a secret: which are written, and their names in messages.
pub(super) struct Reference<'a> {
    /// Value of `…_file`, and the field's name.
    pub(super) file: (Option<&'a Path>, &'static str),
    /// Value of `…_env`, and the field's name.
    pub(super) variable: (Option<&'a str>, &'static str),
}

/// Reads the secret that exactly one of the two keys names. A line break at its end is taken off.
pub(super) fn read(reference: &Reference<'_>, around: &Surroundings<'_>) -> Result<SecretString, Flaw> {
    let (file_key, variable_key) = (reference.file.1, reference.variable.1);
    match (reference.file.0, reference.variable.0) {
        (Some(path), None) => from_file(&around.folder.join(path), file_key),
        (None, Some(name)) => from_variable(name, variable_key, around),
        (Some(_), Some(_)) => {
            Err(Flaw::new(variable_key, format!("stands beside {file_key}"), "keep one of the two"))
        }
        (None, None) => {
            let short = file_key.rsplit('.').next().unwrap_or(file_key);
            let other = variable_key.rsplit('.').next().unwrap_or(variable_key);
            let parent = file_key.rsplit_once('.').map_or("", |(parent, _)| parent);
            let help = format!("add {short}: PATH or {other}: VARIABLE");
            Err(Flaw::new(parent, "the secret is missing", help))
        }
    }
}

fn from_file(path: &Path, field: &'static str) -> Result<SecretString, Flaw> {
    let shown = path.display();
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_SECRET_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error: std::io::Error| {
        let help = "create the file, readable for the user that runs this program";
        Flaw::new(field, format!("cannot read {shown}: {error}"), help)
    })?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_SECRET_BYTES) {
        let message = format!("{shown} is larger than {MAX_SECRET_BYTES} bytes");
        return Err(Flaw::new(field, message, "name the file that holds the secret and nothing else"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Flaw::new(field, format!("{shown} is no UTF-8 text"), "store the secret as text"))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Flaw::new(field, format!("{shown} is empty"), "write the secret into the file"));
    }
    Ok(secret.into())
}

fn from_variable(name: &str, field: &'static str, around: &Surroundings<'_>) -> Result<SecretString, Flaw> {
    if !is_variable_name(name) {
        // It may be the secret itself, so it is not repeated.
        let help = "write the variable's name: letters, digits and _, for example PDU_COMMUNITY";
        return Err(Flaw::new(field, "expected the name of an environment variable", help));
    }
    match (around.variable)(name) {
        Some(value) if !value.trim_end_matches(['\r', '\n']).is_empty() => {
            Ok(value.trim_end_matches(['\r', '\n']).into())
        }
        Some(_) => Err(Flaw::new(field, format!("the environment variable {name} is empty"), "set it")),
        None => {
            let help = "set it where this program is started";
            Err(Flaw::new(field, format!("the environment variable {name} is not set"), help))
        }
    }
}
