//! Files of declared clients, as TOML and as JSON.

#![no_main]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::LazyLock;

use boomgate::declared::{self, Setting};
use boomgate::limits::Limits;
use boomgate::api::policy::{ClientDefaults, RegistrationPolicy, TtlBounds};
use libfuzzer_sys::fuzz_target;
use zeroize::Zeroizing;

/// A folder in memory, if the system has one: each input is written to a file.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let in_memory = std::path::Path::new("/dev/shm");
    let folder = if in_memory.is_dir() { in_memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(folder).expect("a folder")
});

static POLICY: LazyLock<RegistrationPolicy> = LazyLock::new(|| RegistrationPolicy {
    scopes: BTreeSet::from(["read:zones".to_owned(), "write:zones".to_owned()]),
    audiences: vec!["public".to_owned()],
    token_ttl: TtlBounds { min: 3_600, max: 86_400 },
    client_defaults: ClientDefaults {
        token_ttl: 3_600,
        limits: Limits { requests_per_second: 1.into(), burst: 1, daily_quota: Some(10), enforce: true },
    },
});

fuzz_target!(|data: &[u8]| {
    // A clients file may name any other file, and some files never end.
    if data.windows(4).any(|window| window == b"/dev" || window == b"/pro" || window == b"/sys") {
        return;
    }
    let variable = |name: &str| (name == "SECRET").then(|| Zeroizing::new("bg_secret_not_one".to_owned()));
    let setting = Setting { secrets_dir: Some(FOLDER.path()), policy: &POLICY, variable: &variable };
    for name in ["clients.toml", "clients.json"] {
        let path = FOLDER.path().join(name);
        std::fs::File::create(&path).and_then(|mut file| file.write_all(data)).expect("a file");
        match declared::read(&path, &setting) {
            Ok(clients) => {
                let ids: BTreeSet<_> = clients.iter().map(|client| client.client_id.as_str()).collect();
                assert_eq!(ids.len(), clients.len(), "two clients of one name");
            }
            Err(error) => {
                let said = error.to_string();
                assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
            }
        }
    }
});
