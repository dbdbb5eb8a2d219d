//! A disk that is smaller than the budget: a tmpfs of 1 MiB, in a namespace of its own.

use std::cell::Cell;
use std::path::Path;
use std::process::Command;

use exporters::buffer::{Loss, Order, Storage};

use crate::support::{Source, at, drain, noise, open_small};

/// The mounted folder. Set inside the namespace alone.
const FOLDER: &str = "LIGHTSOUT_FULL_DISK";

#[test]
fn a_full_disk_is_a_ring_in_memory_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m none \"$LIGHTSOUT_FULL_DISK\" && exec \"$0\" \"$@\"";
    let this = std::env::current_exe().unwrap();
    let inside = ["full_disk::inside", "--exact", "--ignored", "--nocapture"];
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(this)
        .args(inside)
        .env(FOLDER, folder.path())
        .output()
        .expect("unshare, of the package util-linux");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "needs the mounted folder that the test above makes"]
fn inside() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = Path::new(&folder);
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![0; 400 << 10]).unwrap();
    let (buffer, recovery) = open_small(&folder.join("buffer"), 20_000);
    assert_eq!(recovery.unusable, None);
    let reader = buffer.reader("a", Order::InOrder);
    let (mut source, mut noise) = (Source::new("pdu"), noise(3));
    let appended = Cell::new(0);
    let mut report = |second: i64| {
        let values: Vec<_> = (0..100).map(|_| Some(noise())).collect();
        appended.set(appended.get() + 100);
        buffer.append(&source.report(at(second * 1_000).wall, &values), &at(second * 1_000));
        buffer.flush();
        buffer.figures(&at(second * 1_000)).storage == Storage::Disk
    };
    let full = (0..2_000).find(|&second| !report(second)).expect("the disk is full at some time");
    assert!(full > 300, "{full} reports of some 850 bytes fill 600 KiB");
    // Ten minutes later the ring has gone round several times. The last log gave back what it had reserved, so that
    // a short one may have found room.
    let in_memory = (full + 1..full + 600).filter(|&second| !report(second)).count();
    assert!(in_memory > 200, "{in_memory}");
    let lost = reader.lost()[&Loss::Full];
    assert!(lost > 5_000, "{lost}");
    std::fs::remove_file(&ballast).unwrap();
    assert!((full + 600..full + 610).any(&mut report), "writing resumes within some seconds");
    assert!((full + 610..full + 630).all(&mut report), "and goes on");
    let now = at(10_000_000);
    let lost = reader.lost()[&Loss::Full];
    let found = drain(&reader, 5_000, &now);
    assert_eq!(found.len() as u64 + lost, appended.get());
    drop(reader);
    drop(buffer);
    let (buffer, recovery) = open_small(&folder.join("buffer"), 20_000);
    assert_eq!((recovery.damage, buffer.figures(&now).waiting), (Vec::new(), 0));
}
