//! Who may own, read and change the server's files. A server does not start on files that another user could use.
//!
//! Only root can create files of other users. Where the tests do not run as root, most of these tests end at once.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Running, Server, end_in_log, stderr, stdout};

/// The server's user and group, another group, and another user.
const SERVER: u32 = 64_998;
const GROUP: u32 = 64_997;
const ANOTHER_GROUP: u32 = 64_110;
const ANOTHER_USER: u32 = 64_000;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A file or folder that belongs to this user and group.
fn give(path: &Path, user: u32, group: u32, mode: u32) {
    chown(path, Some(user), Some(group)).unwrap();
    set_mode(path, mode);
}

/// A folder that every user may enter, with the program in it.
struct Machine {
    folder: TempDir,
    program: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o755);
        let program = super::copied_program(folder.path());
        set_mode(&program, 0o755);
        Self { folder, program }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program as the server's user, whose one group is `GROUP`.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().current_dir(self.folder.path()).args(arguments).stdin(Stdio::null());
        command.uid(SERVER).gid(GROUP);
        command
    }

    /// The error of a start and of `config check`, which must be the same; `None` if the server starts.
    fn refusal(&self, arguments: &[&str]) -> Option<String> {
        let settings = [&["--listen", "127.0.0.1:0", "--data-dir", "data"], arguments].concat();
        let checked = self.command(&[&["config", "check"], settings.as_slice()].concat()).output().unwrap();
        match Server::try_start(self.command(&[&["serve"], settings.as_slice()].concat())) {
            Ok(mut server) => {
                server.stop();
                assert!(checked.status.success(), "the server starts: {}", stderr(&checked));
                None
            }
            Err(log) => {
                let error = end_in_log(&log);
                assert_eq!(stderr(&checked).lines().last().unwrap(), error);
                Some(error.trim_start_matches("boomgate: ").to_owned())
            }
        }
    }
}

#[test]
fn a_volume_of_kubernetes_fs_group_is_used_and_one_of_another_group_is_refused() {
    if !is_root() {
        return;
    }
    let machine = Machine::new();
    let data = machine.path("data");
    fs::create_dir(&data).unwrap();
    give(&data, 0, GROUP, 0o2770);
    assert_eq!(machine.refusal(&[]), None);
    // With every mount, the kubelet gives the group the rights of the owner.
    for name in ["db", "tls"] {
        give(&data.join(name), SERVER, GROUP, 0o2770);
        for entry in fs::read_dir(data.join(name)).unwrap() {
            let entry = entry.unwrap().path();
            give(&entry, SERVER, GROUP, if entry.is_dir() { 0o2770 } else { 0o660 });
        }
    }
    give(&data.join("admin-credentials.json"), SERVER, GROUP, 0o660);
    assert_eq!(machine.refusal(&[]), None);

    give(&data, 0, ANOTHER_GROUP, 0o2775);
    let refusal = machine.refusal(&[]).unwrap();
    assert!(refusal.starts_with("data is open to other users (mode 2775): chown -R 64998 data"), "{refusal}");
    give(&data, SERVER, ANOTHER_GROUP, 0o770);
    assert_eq!(
        machine.refusal(&[]).unwrap(),
        "data is open to the group 64110, which is not this process's (mode 0770): chmod 700 data"
    );
}

#[test]
fn a_file_of_another_user_is_refused_anywhere_in_the_folder() {
    if !is_root() {
        return;
    }
    let machine = Machine::new();
    let data = machine.path("data");
    fs::create_dir(&data).unwrap();
    give(&data, SERVER, GROUP, 0o700);
    assert_eq!(machine.refusal(&[]), None);
    for name in ["", "db", "db/db", "tls", "tls/ca-key.pem", "tls/leaf-key.pem", "admin-credentials.json"] {
        let path = data.join(name);
        let found = fs::metadata(&path).unwrap();
        // The mode would let the server read it, so only the owner is wrong.
        give(&path, ANOTHER_USER, GROUP, if found.is_dir() { 0o770 } else { 0o660 });
        let refusal = machine.refusal(&[]).unwrap();
        let shown = format!("data/{name}");
        let recursive = if found.is_dir() { "-R " } else { "" };
        let shown = shown.trim_end_matches('/');
        assert_eq!(
            refusal,
            format!(
                "{shown} belongs to the user 64000, who could read and replace it: run this as that user, or chown \
                 {recursive}64998 {shown}"
            ),
            "{name}"
        );
        give(&path, SERVER, GROUP, found.mode() & 0o7777);
    }
    assert_eq!(machine.refusal(&[]), None, "fixed as the message says");
}

#[test]
fn root_runs_commands_but_no_server_on_another_user_s_folder() {
    if !is_root() {
        return;
    }
    let server = Running::start("serve");
    let data = server.folder.path().join("data");
    for path in [data.clone(), data.join("admin-credentials.json"), data.join("tls/ca-key.pem")] {
        let mode = fs::metadata(&path).unwrap().mode() & 0o7777;
        give(&path, ANOTHER_USER, ANOTHER_GROUP, mode);
    }
    assert!(server.call(&["client", "list"]).status.success(), "sudo boomgate client list");
    let refused = server.call(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(
        end_in_log(stderr(&refused)),
        "boomgate: data belongs to the user 64000, who could read and replace it: run this as that user, with sudo -u '#64000'"
    );
    let looked = server.call(&["doctor", "--listen", "127.0.0.1:0"]);
    assert!(
        stdout(&looked).contains("[warn] data folder  data belongs to the user 64000, and you are root"),
        "{looked:?}"
    );
    assert!(stdout(&looked).contains("[ok]   secret files"), "{looked:?}");
    // Root reads that user's settings and clients too, but a server that root starts does not trust them.
    let at = |name: &str| server.folder.path().join(name);
    fs::write(at("clients.toml"), "[[clients]]\nclient_id = 'a'\nclient_name = 'A'\nscope = 'read:zones'\n").unwrap();
    fs::write(at("boomgate.toml"), "clients_file = 'clients.toml'\n").unwrap();
    for name in ["clients.toml", "boomgate.toml"] {
        give(&at(name), ANOTHER_USER, ANOTHER_GROUP, 0o644);
    }
    assert!(server.call(&["client", "list", "--config", "boomgate.toml"]).status.success());
    let looked = server.call(&["doctor", "--config", "boomgate.toml"]);
    for check in ["[warn] settings ", "[warn] clients file "] {
        let is_reported = |line: &str| line.starts_with(check) && line.contains("belongs to the user 64000");
        assert!(stdout(&looked).lines().any(is_reported), "{check}: {looked:?}");
    }
}

#[test]
fn a_key_of_root_is_read_through_its_group_unless_all_users_may_read_it() {
    if !is_root() {
        return;
    }
    let machine = Machine::new();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["gate.example.com".to_owned()]).unwrap();
    fs::write(machine.path("chain.pem"), certificate.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(machine.path("key.pem"), key.serialize_pem()).unwrap();
    fs::create_dir(machine.path("data")).unwrap();
    give(&machine.path("data"), SERVER, GROUP, 0o700);
    let settings = "issuer = 'https://gate.example.com'\n[tls]\ncertificate = 'chain.pem'\nprivate_key = 'key.pem'\n";
    fs::write(machine.path("boomgate.toml"), settings).unwrap();
    set_mode(&machine.path("boomgate.toml"), 0o644);
    set_mode(&machine.path("chain.pem"), 0o644);
    for (user, group, mode, refusal) in [
        (0, GROUP, 0o640, None),
        (0, GROUP, 0o440, None),
        (SERVER, GROUP, 0o400, None),
        (0, GROUP, 0o644, Some("key.pem is open to other users (mode 0644): chmod 640 key.pem")),
        (
            0,
            ANOTHER_GROUP,
            0o644,
            Some("key.pem is open to other users (mode 0644): chown 64998 key.pem && chmod 600 key.pem"),
        ),
        (
            SERVER,
            ANOTHER_GROUP,
            0o640,
            Some("key.pem is open to the group 64110, which is not this process's (mode 0640): chmod 600 key.pem"),
        ),
        (
            ANOTHER_USER,
            GROUP,
            0o640,
            Some(
                "key.pem belongs to the user 64000, who could read and replace it: run this as that user, or chown 64998 key.pem",
            ),
        ),
    ] {
        give(&machine.path("key.pem"), user, group, mode);
        assert_eq!(machine.refusal(&["--config", "boomgate.toml"]).as_deref(), refusal, "{user}:{group} {mode:o}");
    }
}

#[test]
fn every_file_that_a_server_creates_is_private_with_any_umask() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_boomgate");
    for _ in 0..2 {
        let mut command = Command::new("sh");
        let serve = format!("umask 000; exec '{program}' serve --listen 127.0.0.1:0");
        command.env_clear().current_dir(folder.path()).args(["-c", &serve]).stdin(Stdio::null());
        let mut server = Server::start(command);
        let mut folders = vec![folder.path().join("data")];
        while let Some(folder) = folders.pop() {
            assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700, "{}", folder.display());
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let mode = fs::metadata(&path).unwrap().mode() & 0o777;
                match path.file_name().unwrap().to_str().unwrap() {
                    _ if path.is_dir() => folders.push(path),
                    // Certificates are public.
                    "ca.pem" | "leaf.pem" => assert_eq!(mode, 0o644, "{}", path.display()),
                    _ => assert_eq!(mode, 0o600, "{}", path.display()),
                }
            }
        }
        server.stop();
        // An earlier version created it so.
        set_mode(&folder.path().join("data/db/conf"), 0o644);
    }
}

#[test]
fn a_credentials_file_that_other_users_may_read_is_refused() {
    let server = Running::start("serve");
    let credentials = server.folder.path().join("data/admin-credentials.json");
    for (mode, is_read) in [(0o600, true), (0o640, true), (0o604, false), (0o644, false)] {
        set_mode(&credentials, mode);
        let listed = server.call(&["client", "list"]);
        assert_eq!(listed.status.success(), is_read, "{mode:o}: {}", stderr(&listed));
        let mend = format!("is open to other users (mode {mode:04o}): chmod 600 data/admin-credentials.json");
        assert_eq!(stderr(&listed).contains(&mend), !is_read, "{}", stderr(&listed));
    }
    assert_eq!(server.call(&["config", "check"]).status.code(), Some(1));
}

#[test]
fn settings_and_clients_that_another_user_may_change_are_refused() {
    if !is_root() {
        return;
    }
    let machine = Machine::new();
    let data = machine.path("data");
    fs::create_dir(&data).unwrap();
    give(&data, SERVER, GROUP, 0o700);
    let clients = "[[clients]]\nclient_id = 'mallory'\nclient_name = 'Mallory'\nscope = 'read:zones'\n";
    fs::write(machine.path("clients.toml"), clients).unwrap();
    fs::write(machine.path("boomgate.toml"), "clients_file = 'clients.toml'\n").unwrap();
    set_mode(&machine.path("boomgate.toml"), 0o644);
    for name in ["clients.toml", "boomgate.toml"] {
        let path = machine.path(name);
        for (user, group, mode, says) in [
            (ANOTHER_USER, ANOTHER_GROUP, 0o644, Some("belongs to the user 64000, who could change it")),
            (SERVER, GROUP, 0o666, Some("can be changed by other users (mode 0666)")),
            (SERVER, ANOTHER_GROUP, 0o664, Some("can be changed by the group 64110")),
            (0, ANOTHER_GROUP, 0o664, Some("can be changed by the group 64110")),
            (SERVER, GROUP, 0o664, None),
            (0, 0, 0o644, None),
        ] {
            give(&path, user, group, mode);
            let refusal = machine.refusal(&["--config", "boomgate.toml"]);
            assert_eq!(refusal.is_some(), says.is_some(), "{name} {user}:{group} {mode:o}: {refusal:?}");
            let is_said = says.is_none_or(|says| refusal.as_ref().is_some_and(|refusal| refusal.contains(says)));
            assert!(is_said, "{name} {user}:{group} {mode:o}: {refusal:?}");
            let looked = machine.command(&["doctor", "--config", "boomgate.toml"]).output().unwrap();
            let is_reported = says.is_none_or(|says| {
                stdout(&looked).lines().any(|line| line.starts_with("[fail]") && line.contains(says))
            });
            assert!(is_reported, "{name} {user}:{group} {mode:o}: {}", stdout(&looked));
        }
    }
}

#[test]
fn a_sync_warns_of_a_file_that_others_may_change_and_refuses_a_folder_of_other_files() {
    let server = Running::start("serve");
    let file = server.folder.path().join("clients.toml");
    fs::write(&file, "[[clients]]\nclient_id = 'quay'\nclient_name = 'Quay'\nscope = 'read:zones'\n").unwrap();
    set_mode(&file, 0o666);
    let synced = server.call(&["client", "sync", "clients.toml"]);
    assert!(synced.status.success(), "{}", stderr(&synced));
    let warning = "warning: clients.toml can be changed by other users (mode 0666)";
    assert!(stderr(&synced).contains(warning), "{}", stderr(&synced));
    let refused = server.call(&["client", "sync", "clients.toml", "--keep-in", "/dev"]);
    assert!(!refused.status.success());
    let says = "leave it as it is and name a folder for the server alone";
    assert!(stderr(&refused).contains(says) && !stderr(&refused).contains("chmod 700"), "{}", stderr(&refused));
}
