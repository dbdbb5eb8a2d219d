//! What a mock prints for people and for the programs that start it.

use std::io::Write;

/// Prints at once.
pub(crate) fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
