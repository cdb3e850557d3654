//! Runs of `client sync` at the same time, runs that are killed or read from a pipe, and what a run may delete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, PipeReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};

use serde_json::Value;

use super::{OWN, Site, boomgate, client, stderr, stdout};

const NAMES: [&str; 20] = [
    "p01", "p02", "p03", "p04", "p05", "p06", "p07", "p08", "p09", "p10", "p11", "p12", "p13", "p14", "p15", "p16",
    "p17", "p18", "p19", "p20",
];

fn twenty() -> String {
    NAMES.map(|name| client(name, "secret = 'generate'")).concat()
}

/// A run of `client sync` that has printed its plan, and waits for the folder of secrets.
struct Planned {
    process: Child,
    output: BufReader<PipeReader>,
    plan: String,
}

impl Planned {
    fn start(folder: &Path, options: &[&str], last_line: &str) -> Self {
        let (reader, writer) = io::pipe().unwrap();
        let arguments = [&["client", "sync", "clients.toml"], options].concat();
        let mut command = boomgate(folder, &arguments);
        let process = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        // The command holds the other end of the pipe too.
        drop(command);
        let (mut output, mut plan) = (BufReader::new(reader), String::new());
        while !plan.trim_end().ends_with(last_line) {
            assert_ne!(output.read_line(&mut plan).unwrap(), 0, "no such plan: {plan}");
        }
        Self { process, output, plan }
    }

    fn end(mut self) -> Output {
        self.output.read_to_string(&mut self.plan).unwrap();
        self.process.wait_with_output().unwrap()
    }
}

/// Locks `folder`, so that no run writes secrets there until the lock is dropped.
fn locked(folder: &Path) -> File {
    if !folder.exists() {
        fs::create_dir(folder).unwrap();
    }
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join(".lock")).unwrap();
    lock.lock().unwrap();
    lock
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
}

/// The client that a file of secrets is for, and whether the server takes its secret.
fn works(site: &Site, file: &Path) -> (String, bool) {
    let credentials: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let member = |name: &str| credentials[name].as_str().unwrap().to_owned();
    (member("client_id"), site.takes(&member("client_id"), &member("client_secret")))
}

#[test]
fn runs_at_the_same_time_register_what_is_on_disk() {
    for (folder, options) in [("client-secrets", &[][..]), ("stored", &["--keep-in", "stored"])] {
        let site = Site::start();
        site.declare(&twenty());
        let lock = locked(&site.path(folder));
        let runs = [(); 3].map(|()| {
            let last = "20 to add, 0 to change, 0 to remove, 0 unchanged";
            Planned::start(site.folder.path(), options, last)
        });
        drop(lock);
        for run in runs {
            let done = run.end();
            assert!(done.status.success(), "{}", stderr(&done));
        }
        assert_eq!(files(&site.path(folder)).len(), 20);
        // A secret in a file that is not registered would be rotated in.
        assert_eq!(site.synced(options), "nothing to do: 20 unchanged");
        for name in ["p01", "p20"] {
            let file = site.path(folder).join(format!("{name}.json"));
            assert_eq!(works(&site, &file), (name.to_owned(), true));
        }
    }
}

#[test]
fn a_run_after_one_on_another_machine_fails_and_leaves_no_wrong_secret() {
    let site = Site::start();
    site.declare(&client("curbside", ""));
    let other = site.path("other");
    fs::create_dir(&other).unwrap();
    fs::copy(site.path("clients.toml"), other.join("clients.toml")).unwrap();
    let lock = locked(&other.join("client-secrets"));
    let second = Planned::start(&other, &["--data-dir", "../data"], "1 to add, 0 to change, 0 to remove, 0 unchanged");
    site.synced(&[]);
    drop(lock);
    let second = second.end();
    let said = stderr(&second);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(
        said.contains("stopped at curbside, after 0 of 1 steps: another run, perhaps on another machine"),
        "{said}"
    );
    assert!(said.contains("client-secrets/curbside.json was removed"), "{said}");
    assert_eq!(files(&other.join("client-secrets")), Vec::<PathBuf>::new());
    assert_eq!(works(&site, &site.path("client-secrets/curbside.json")), ("curbside".to_owned(), true));
}

#[test]
fn the_next_run_completes_one_that_was_killed() {
    let site = Site::start();
    site.declare(&twenty());
    let folder = site.path("client-secrets");
    for there in [1, 6, 12, 19] {
        let mut run = boomgate(site.folder.path(), &["client", "sync", "clients.toml"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while files(&folder).len() < there && run.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        run.kill().unwrap();
        run.wait().unwrap();
    }
    // As after a run that was killed between the file and the rotation.
    let file = folder.join("p01.json");
    site.synced(&[]);
    fs::write(&file, format!("{{\"client_id\": \"p01\", \"client_secret\": \"{OWN}\"}}")).unwrap();
    assert!(site.synced(&[]).starts_with("~ p01  rotate its secret to the one in client-secrets/p01.json"));
    assert_eq!(site.synced(&[]), "nothing to do: 20 unchanged");
    for name in NAMES {
        let file = folder.join(format!("{name}.json"));
        assert_eq!(works(&site, &file), (name.to_owned(), true));
    }
}

#[test]
fn a_stored_secret_that_does_not_work_is_an_error() {
    let site = Site::start();
    site.declare(&client("curbside", ""));
    site.synced(&[]);
    let file = site.path("client-secrets/curbside.json");
    let made = fs::read(&file).unwrap();
    fs::write(&file, format!("{{\"client_id\": \"curbside\", \"client_secret\": \"{OWN}\"}}")).unwrap();
    let failed = site.sync_with(&[], &[]);
    let says =
        "a stored secret does not work: curbside: the secret in client-secrets/curbside.json is not the client's";
    assert_eq!(failed.status.code(), Some(1));
    assert!(stderr(&failed).contains(says), "{}", stderr(&failed));
    fs::write(&file, made).unwrap();
    site.synced(&[]);

    let rotate = ["client", "rotate-secret", "curbside", "--previous-expires-in", "0"];
    assert!(boomgate(site.folder.path(), &rotate).output().unwrap().status.success());
    let failed = site.sync_with(&[], &[]);
    assert_eq!((failed.status.code(), stdout(&failed)), (Some(1), "nothing to do: 1 unchanged"));
    assert!(stderr(&failed).contains("was rotated out; move it away"), "{}", stderr(&failed));
    assert!(site.sync_with(&[], &["--dry-run"]).status.success());
}

#[test]
fn pruning_deletes_what_a_run_registered_and_only_with_yes() {
    let site = Site::start();
    let added = boomgate(site.folder.path(), &["client", "add", "--name", "By hand", "--json"]).output().unwrap();
    let added: Value = serde_json::from_str(stdout(&added)).unwrap();
    let by_hand = added["client_id"].as_str().unwrap();
    site.declare(&[client("curbside", ""), client("gone", "")].concat());
    site.synced(&[]);
    let mark = |client_id: &str| {
        let clients = site.partners();
        clients.iter().find(|client| client["client_id"] == client_id).map(|client| client["declared"].clone())
    };
    assert_eq!((mark("gone"), mark(by_hand)), (Some(true.into()), Some(false.into())));

    site.declare(&client("curbside", "burst = 7"));
    let before = site.partners();
    let refused = site.sync_with(&[], &["--prune"]);
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("this would delete 1 client (gone), and there is no terminal to ask on"), "{said}");
    assert!(said.contains("add --yes"), "{said}");
    assert_eq!(site.partners(), before, "nothing was changed");

    let pruned = site.sync_with(&[], &["--prune", "--yes"]);
    assert!(pruned.status.success(), "{}", stderr(&pruned));
    assert!(
        stderr(&pruned)
            .contains("Clients that were registered in another way, and that are not in clients.toml: 1. They stay"),
        "{pruned:?}"
    );
    assert_eq!((mark("gone"), mark(by_hand).is_some(), mark("curbside").is_some()), (None, true, true));

    let exist = ["curbside", "gone"].map(|name| site.path(&format!("client-secrets/{name}.json")).exists());
    assert_eq!(exist, [true, false], "a later client does not get the secret of a deleted one");

    // A file that names the client adopts it; it is deleted once the file does not name it.
    site.declare(&[client("curbside", ""), client(by_hand, "")].concat());
    assert!(site.synced(&[]).contains("declared false → true"));
    assert_eq!(site.synced(&[]), "nothing to do: 2 unchanged");
    site.declare(&client("curbside", ""));
    site.synced(&["--prune", "--yes"]);
    assert_eq!(mark(by_hand), None);

    let added = boomgate(site.folder.path(), &["client", "add", "--name", "Another"]).output().unwrap();
    assert!(added.status.success());
    assert_eq!(site.sync_with(&[], &["--prune-all"]).status.code(), Some(1));
    site.synced(&["--prune-all", "--yes"]);
    assert_eq!(site.ids(), ["admin", "curbside"], "except the one whose credentials are used");
}

#[test]
fn on_a_terminal_pruning_asks_and_needs_a_yes() {
    let site = Site::start();
    site.declare(&[client("curbside", ""), client("gone", "")].concat());
    site.synced(&[]);
    site.declare(&client("curbside", ""));
    let answered = |answer: &str| {
        // Python gives the process a terminal, and types the answer before it is read.
        let script = "import os, pty, sys\n\
             pid, terminal = pty.fork()\n\
             if pid == 0: os.execv(sys.argv[1], sys.argv[1:3] + ['sync', 'clients.toml', '--prune'])\n\
             os.write(terminal, sys.argv[3].encode())\n\
             said = b''\n\
             try:\n\
             \x20   while part := os.read(terminal, 4096): said += part\n\
             except OSError: pass\n\
             sys.stdout.buffer.write(said)\n\
             sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n";
        let mut python = std::process::Command::new("python3");
        python.args(["-c", script, env!("CARGO_BIN_EXE_boomgate"), "client", answer]).current_dir(site.folder.path());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BOOMGATE_")) {
            python.env_remove(name);
        }
        python.output().unwrap()
    };
    for answer in ["\n", "n\n", "what?\n"] {
        let refused = answered(answer);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(
            stdout(&refused).contains("Delete 1 client, with secrets, tokens and usage: gone? [y/N]"),
            "{refused:?}"
        );
        assert!(stdout(&refused).contains("nothing was changed"), "{refused:?}");
        assert_eq!(site.ids(), ["admin", "curbside", "gone"]);
    }
    let deleted = answered("y\n");
    assert_eq!((deleted.status.code(), site.ids()), (Some(0), vec!["admin".to_owned(), "curbside".to_owned()]));
}

#[test]
fn a_declaration_from_a_pipe_needs_a_folder_for_what_it_generates() {
    let site = Site::start();
    let generated = client("curbside", "");
    let piped = |name: &str, options: &[&str], text: &str| {
        let arguments = [&["client", "sync", name], options].concat();
        let mut process = boomgate(site.folder.path(), &arguments)
            .env("OWN", OWN)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    };
    for name in ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let refused = piped(name, &[], &generated);
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("has no folder beside it") && said.contains("--keep-in DIR"), "{name}: {said}");
    }
    // The same if the shell redirects a file to it.
    let refused = boomgate(site.folder.path(), &["client", "sync", "/dev/stdin"])
        .stdin({
            site.declare(&generated);
            File::open(site.path("clients.toml")).unwrap()
        })
        .output()
        .unwrap();
    assert!(stderr(&refused).contains("--keep-in DIR"), "{}", stderr(&refused));
    assert!(!Path::new("/dev/client-secrets").exists());
    assert_eq!(site.ids(), ["admin"]);

    let own = piped("-", &[], &client("own", "secret = { env = 'OWN' }"));
    assert!(own.status.success(), "without a secret to generate, no folder is needed: {}", stderr(&own));
    let stored = piped("-", &["--keep-in", "stored"], &generated);
    assert!(stored.status.success(), "{}", stderr(&stored));
    assert_eq!(works(&site, &site.path("stored/curbside.json")), ("curbside".to_owned(), true));
    let pruned = piped("-", &["--keep-in", "stored", "--prune"], &generated);
    assert!(stderr(&pruned).contains("there is no terminal to ask on"), "{}", stderr(&pruned));
}

#[test]
fn a_secret_whose_file_is_missing_is_replaced_only_with_yes() {
    let site = Site::start();
    site.declare(&twenty());
    site.synced(&[]);
    let before = site.partners();
    let away = site.path("away");
    fs::rename(site.path("client-secrets"), &away).unwrap();
    let refused = site.sync_with(&[], &[]);
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("create a new secret for 20 clients whose secret file is missing (p01, p02,"), "{said}");
    assert!(said.contains("and 10 more)") && said.contains("add --yes") && said.contains("--keep-in"), "{said}");
    assert_eq!((site.partners(), files(&site.path("client-secrets"))), (before, Vec::new()), "nothing was changed");
    assert_eq!(site.synced(&["--keep-in", "away"]), "nothing to do: 20 unchanged");

    site.synced(&["--yes"]);
    assert_eq!(files(&site.path("client-secrets")).len(), 20);
    let [made, former] = ["client-secrets", "away"].map(|folder| site.path(folder).join("p01.json"));
    assert!(works(&site, &made).1 && works(&site, &former).1, "the previous one is valid for a while");

    // The client has two secrets, so a third one is refused; there is no other run.
    fs::remove_file(&made).unwrap();
    let refused = site.sync_with(&[], &["--yes"]);
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("two valid secrets") && !said.contains("another run"), "{said}");
    assert!(!made.exists(), "{said}");
}
