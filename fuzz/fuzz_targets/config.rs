//! Configuration files: every fault has its line, and no message repeats control characters.

#![no_main]

use std::io::Write as _;
use std::sync::LazyLock;

use boomgate::config::{Config, Edition, Environment, Flags};
use libfuzzer_sys::fuzz_target;

/// A folder in memory, if the system has one: each input is written to a file.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let in_memory = std::path::Path::new("/dev/shm");
    let folder = if in_memory.is_dir() { in_memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(folder).expect("a folder")
});

fuzz_target!(|data: &[u8]| {
    let path = FOLDER.path().join("boomgate.toml");
    std::fs::File::create(&path).and_then(|mut file| file.write_all(data)).expect("a file");
    let flags = Flags { file: Some(path), ..Flags::default() };
    for edition in [Edition::Serve, Edition::Sandbox] {
        if let Err(error) = Config::load(edition, &flags, &Environment::new([])) {
            let said = error.to_string();
            assert!(!said.is_empty());
            assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
        }
    }
});
