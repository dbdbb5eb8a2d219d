//! The folder of the log: its files, and the operations that a fault can be put into.
//!
//! Knows names and bytes, not what they mean.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use rustix::io::Errno;

/// Bytes that a file takes are counted in whole blocks of this size, as most file systems do.
pub(crate) const BLOCK: u64 = 4_096;
/// Room for a file that grows is reserved in steps of this size.
const STEP: u64 = 64 << 10;

/// What is about to be done to the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Making the folder or listing it.
    List,
    /// Making a file.
    Create,
    /// Writing to a file.
    Write,
    /// Making sure that what was written stays.
    Sync,
    /// Cutting, renaming or removing a file.
    Change,
    /// Reading a file.
    Read,
}

/// Decides which operations go wrong. For tests: a disk that is full or broken is hard to come by.
pub trait Faults: Send + Sync + fmt::Debug {
    /// How many of so many bytes an operation gets through, or how it fails at once. Fewer than all means that it
    /// fails after them.
    fn allow(&self, operation: Operation, bytes: usize) -> io::Result<usize>;
}

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    faults: Option<Arc<dyn Faults>>,
}

impl Folder {
    pub(crate) fn new(path: PathBuf, faults: Option<Arc<dyn Faults>>) -> Self {
        Self { path, faults }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn allow(&self, operation: Operation, bytes: usize) -> io::Result<usize> {
        self.faults.as_ref().map_or(Ok(bytes), |faults| faults.allow(operation, bytes))
    }

    /// Makes the folder if it isn't there, and takes it for this program alone, for as long as what is given back is
    /// held. On a file system that cannot do that, several programs are not kept apart.
    pub(crate) fn claim(&self) -> io::Result<Claim> {
        fs::create_dir_all(&self.path)?;
        let folder = File::open(&self.path)?;
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(io::Error::other("another lightsout uses the folder")),
            _ => Ok(Claim(folder)),
        }
    }

    /// Whether a claim is to the folder that is there now: it may have been removed, or mounted over.
    pub(crate) fn is(&self, claim: &Claim) -> io::Result<bool> {
        let identity = |data: fs::Metadata| (data.dev(), data.ino());
        let claimed = identity(claim.0.metadata()?);
        Ok(fs::metadata(&self.path).is_ok_and(|data| identity(data) == claimed))
    }

    /// Names and lengths of its files; makes the folder if it isn't there.
    pub(crate) fn list(&self) -> io::Result<Vec<(String, u64)>> {
        self.allow(Operation::List, 0)?;
        fs::create_dir_all(&self.path)?;
        self.files()
    }

    /// Names and lengths of its files, in the order of their names.
    pub(crate) fn files(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            // A file may go meanwhile; of one that is damaged, nothing but the name may be known.
            let length = match entry.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                data => data.map_or(0, |data| data.len()),
            };
            if let (true, Ok(name)) =
                (entry.file_type().is_ok_and(|it| it.is_file()), entry.file_name().into_string())
            {
                files.push((name, length));
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// The first bytes of a file, at most so many.
    pub(crate) fn read(&self, name: &str, most: usize) -> io::Result<Vec<u8>> {
        self.allow(Operation::Read, 0)?;
        let mut bytes = Vec::new();
        let file = File::open(self.path.join(name))?;
        file.take(u64::try_from(most).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The length of a file, 0 where it isn't there.
    pub(crate) fn length(&self, name: &str) -> u64 {
        fs::metadata(self.path.join(name)).map_or(0, |data| data.len())
    }

    /// Whether there is a file of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path.join(name).is_file()
    }

    /// Bytes on disk of a file of this length, also those that were reserved behind its end.
    pub(crate) fn occupied(&self, name: &str, length: u64) -> u64 {
        let data = fs::metadata(self.path.join(name));
        // Metadata count in units of 512 bytes whatever the file system: stat(2).
        data.map_or(0, |data| data.blocks().saturating_mul(512)).max(blocks(length))
    }

    /// A new file, or an empty one in place of the old.
    pub(crate) fn create(&self, name: &str) -> io::Result<Appender> {
        self.allow(Operation::Create, 0)?;
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(self.path.join(name))?;
        Ok(Appender { file, folder: self.clone(), length: 0, reserved: 0 })
    }

    /// A file, cut to this length if it is longer, to write on behind it. Made if it isn't there.
    pub(crate) fn append(&self, name: &str, length: u64) -> io::Result<Appender> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(self.path.join(name))?;
        let mut appender = Appender { file, folder: self.clone(), length, reserved: 0 };
        appender.cut(length)?;
        Ok(appender)
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.allow(Operation::Change, 0)?;
        fs::rename(self.path.join(from), self.path.join(to))
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        self.allow(Operation::Change, 0)?;
        fs::remove_file(self.path.join(name))
    }

    /// Makes sure that names of files stay.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.allow(Operation::Sync, 0)?;
        match File::open(&self.path)?.sync_all() {
            // A file system that cannot do that does without: fsync(2).
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }
}

/// That no other program writes to the folder.
#[derive(Debug)]
pub(crate) struct Claim(File);

impl Drop for Claim {
    fn drop(&mut self) {
        // Closing is not enough while a process that is about to be started holds the file, too.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Bytes on disk of a file of this length.
pub(crate) fn blocks(length: u64) -> u64 {
    length.div_ceil(BLOCK).saturating_mul(BLOCK)
}

/// A file that is written.
#[derive(Debug)]
pub(crate) struct Appender {
    file: File,
    folder: Folder,
    length: u64,
    /// Bytes on disk that it has in any case, none where nothing was reserved.
    reserved: u64,
}

impl Appender {
    /// Bytes of it that are known to be whole.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Bytes on disk, with a block in which the file system may keep a list of them.
    pub(crate) fn occupied(&self) -> u64 {
        blocks(self.length).max(self.reserved).saturating_add(BLOCK)
    }

    /// Bytes that have to be reserved so that so many more fit.
    pub(crate) fn needed(&self, more: usize) -> u64 {
        let end = self.length.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        if end <= self.reserved { self.reserved } else { end.next_multiple_of(STEP) }
    }

    /// Takes room on disk for so many bytes in all, so that writing them does not fail for want of it. A file
    /// system that cannot do that does without.
    pub(crate) fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        if bytes <= self.reserved {
            return Ok(());
        }
        self.folder.allow(Operation::Write, 0)?;
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, bytes) {
            Ok(()) => self.reserved = bytes,
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Writes behind what is there. Where that fails, a part may be written all the same: see [`Appender::cut`].
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_at(self.length, bytes)?;
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Writes at a place, and leaves the length as it is.
    pub(crate) fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        let allowed = self.folder.allow(Operation::Write, bytes.len())?;
        match bytes.get(..allowed) {
            Some(part) if part.len() < bytes.len() => {
                self.file.write_all_at(part, place)?;
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => self.file.write_all_at(bytes, place),
        }
    }

    /// Cuts what is behind this length, and gives back what was reserved.
    pub(crate) fn cut(&mut self, length: u64) -> io::Result<()> {
        self.folder.allow(Operation::Change, 0)?;
        self.file.set_len(length)?;
        (self.length, self.reserved) = (length, 0);
        Ok(())
    }

    /// Makes sure that what was written stays.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.folder.allow(Operation::Sync, 0)?;
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIFS does as /proc here.
    #[test]
    fn a_file_system_that_syncs_no_folders_does_without() {
        let proc = Path::new("/proc");
        assert_eq!(File::open(proc).unwrap().sync_all().unwrap_err().kind(), io::ErrorKind::InvalidInput);
        Folder::new(proc.to_owned(), None).sync().unwrap();
    }
}
