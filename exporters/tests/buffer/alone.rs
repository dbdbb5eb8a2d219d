//! A folder that somebody else uses, or that goes away: one program at a time writes to it, and what is in memory is
//! written once there is a folder again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use exporters::buffer::{Buffer, Fsync, Options, Order, Storage, Trial};

use crate::support::{Source, at, drain, open_small};

/// Appends reports of four samples, so many seconds apart, which say when they were.
fn fill(buffer: &Buffer, seconds: impl Iterator<Item = i64>) {
    let mut source = Source::new("pdu");
    for second in seconds {
        let now = at(second * 1_000);
        buffer.append(&source.report(now.wall, &[Some(second as f64); 4]), &now);
        buffer.flush();
    }
}

/// The seconds of all that a destination gets.
fn seconds(buffer: &Buffer) -> Vec<i64> {
    let found = drain(&buffer.reader("a", Order::InOrder), 10, &at(10_000_000));
    found.iter().filter(|sample| sample.0 == "t0").map(|sample| sample.1 / 1_000).collect()
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_second_program_leaves_the_folder_alone_until_the_first_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = open_small(folder.path(), 200);
    drop(first.reader("a", Order::InOrder));
    fill(&first, 0..15);
    let before = contents(folder.path());
    let (second, recovery) = open_small(folder.path(), 200);
    assert!(recovery.unusable.is_some_and(|why| why.contains("another")), "it says why");
    drop(second.reader("a", Order::InOrder));
    fill(&second, 100..115);
    assert_eq!(contents(folder.path()), before);
    assert!(matches!(second.figures(&at(0)).storage, Storage::Memory { .. }));
    fill(&first, 15..20);
    drop(first);
    fill(&second, 120..125);
    assert_eq!(second.figures(&at(0)).storage, Storage::Disk);
    let all: Vec<i64> = (0..20).chain(100..115).chain(120..125).collect();
    // What did not fit into memory is gone, and told.
    let lost = second.figures(&at(0)).lost.values().sum::<u64>() as usize / 4;
    let found = seconds(&second);
    assert_eq!(found.len() + lost, all.len());
    assert!(found.iter().all(|second| all.contains(second)) && found.is_sorted());
}

#[test]
fn a_folder_that_is_removed_under_way_is_made_again_and_costs_no_open_report() {
    for (fsync, sent) in [(Fsync::Always, false), (Fsync::Never, false), (Fsync::Always, true)] {
        let work = tempfile::tempdir().unwrap();
        let folder = work.path().join("buffer");
        let options = Options { fsync, ..Options::new(&folder) };
        let trial = || Trial { segment_values: Some(200), ..Trial::default() };
        let (buffer, _) = Buffer::open_for_test(options.clone(), trial());
        drop(buffer.reader("a", Order::InOrder));
        fill(&buffer, 0..5);
        fs::remove_dir_all(&folder).unwrap();
        // Far enough apart for the disk to be tried again at each.
        fill(&buffer, (6..200).step_by(6));
        assert_eq!(buffer.figures(&at(0)).storage, Storage::Disk, "{fsync:?}");
        assert!(buffer.figures(&at(0)).lost.is_empty(), "{fsync:?}: {:?}", buffer.figures(&at(0)).lost);
        let all: Vec<_> = (0..5).chain((6..200).step_by(6)).collect();
        if sent {
            assert_eq!(seconds(&buffer), all);
        }
        drop(buffer);
        let (buffer, recovery) = Buffer::open_for_test(options, trial());
        assert_eq!(recovery.damage, Vec::<String>::new());
        // Progress is kept in the new folder, too.
        assert_eq!(seconds(&buffer), if sent { Vec::new() } else { all }, "{fsync:?}");
    }
}

/// Another thread starts processes all the time, which hold all files for a moment.
#[test]
fn a_folder_is_free_once_its_buffer_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let end = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !end.load(Ordering::SeqCst) {
                Command::new("true").status().unwrap();
            }
        });
        let unusable: Vec<_> = (0..300).filter_map(|_| open_small(folder.path(), 200).1.unusable).collect();
        end.store(true, Ordering::SeqCst);
        assert_eq!(unusable, Vec::<String>::new());
    });
}
