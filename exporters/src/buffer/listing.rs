//! The segment files of a folder, as somebody finds them who does not write to it.
//!
//! Changes nothing. The folder may be in use: then logs become segments, and segments go that nobody needs any more.

use std::io;

use crate::buffer::folder::Folder;
use crate::buffer::segment::Form;
use crate::buffer::store::{parse_name, sealed_name};

/// Most looks until two show the same names.
const LOOKS: usize = 8;

/// A file with entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) form: Form,
    pub(crate) first: u64,
    pub(crate) size: u64,
}

/// The files with entries, oldest first, a log before the segment of the same number. A log that becomes a segment
/// meanwhile is there as the one or the other.
pub(crate) fn listed(folder: &Folder) -> io::Result<Vec<Listed>> {
    let mut files = names(folder)?;
    for _ in 1..LOOKS {
        let before = std::mem::replace(&mut files, names(folder)?);
        if before.iter().map(|file| &file.name).eq(files.iter().map(|file| &file.name)) {
            break;
        }
    }
    Ok(files)
}

fn names(folder: &Folder) -> io::Result<Vec<Listed>> {
    let files = folder.files()?.into_iter();
    let listed = |(name, size): (String, u64)| {
        let (form, first) = parse_name(&name)?;
        Some(Listed { name, form, first, size })
    };
    Ok(files.filter_map(listed).collect())
}

impl Listed {
    /// The first bytes of it, as many as are wanted of its form. Of a log that became a segment since it was listed,
    /// those of the segment, and then it is that. None where it is gone: nobody needs it any more.
    pub(crate) fn read(&mut self, folder: &Folder, most: fn(Form) -> usize) -> Option<io::Result<Vec<u8>>> {
        let is_gone = |read: &io::Result<_>| {
            read.as_ref().is_err_and(|error: &io::Error| error.kind() == io::ErrorKind::NotFound)
        };
        let mut read = folder.read(&self.name, most(self.form));
        if is_gone(&read) && self.form == Form::Log {
            (self.name, self.form) = (sealed_name(self.first), Form::Sealed);
            read = folder.read(&self.name, most(self.form));
            self.size = folder.length(&self.name);
        }
        (!is_gone(&read)).then_some(read)
    }
}
