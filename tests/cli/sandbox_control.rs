//! A sandbox that a program starts for its tests, and the commands that control one.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use boomgate::time::{Clock as _, SystemClock};
use serde_json::Value;

use super::{Running, boomgate, stderr, stdout};

const FOR_A_TEST: [&str; 6] =
    ["sandbox", "--in-memory", "--listen", "127.0.0.1:0", "--ready-json", "--exit-with-stdin"];

/// A sandbox that ends with its standard input, and the line by which it said that it serves.
struct Ready {
    process: Child,
    output: BufReader<std::process::ChildStdout>,
    line: Value,
    temporary: tempfile::TempDir,
}

impl Ready {
    fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    fn start_in(temporary: tempfile::TempDir) -> Self {
        let mut command = boomgate(temporary.path(), &FOR_A_TEST);
        command.env("TMPDIR", temporary.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { process, output, line, temporary }
    }

    fn text(&self, member: &str) -> &str {
        self.line.get(member).and_then(Value::as_str).unwrap_or_else(|| panic!("{member} is not in {}", self.line))
    }

    fn data_dir(&self) -> PathBuf {
        self.text("data_dir").into()
    }
}

#[test]
fn the_ready_line_has_all_that_a_test_needs_and_the_folder_goes_with_the_sandbox() {
    let mut sandbox = Ready::start();
    assert_eq!(sandbox.line["pid"], sandbox.process.id());
    assert_eq!(sandbox.text("token_url"), format!("{}/oauth2/token", sandbox.text("url")));
    let folder = sandbox.data_dir();
    assert_eq!(folder.parent(), Some(sandbox.temporary.path()));
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!folder.join("db").exists(), "nothing is stored");

    // A token, by what the line says alone.
    let reader = &sandbox.line["clients"]["demo-reader"];
    assert_eq!(reader["scope"], "read:zones");
    let credentials = format!("demo-reader:{}", reader["client_secret"].as_str().unwrap());
    let form = format!("grant_type=client_credentials&audience={}", sandbox.text("audience"));
    let curl = ["-sS", "--cacert", sandbox.text("ca_file"), "-u", &credentials, "-d", &form, sandbox.text("token_url")];
    let answered = std::process::Command::new("curl").args(curl).output().unwrap();
    assert!(stdout(&answered).contains("access_token"), "{} {}", stdout(&answered), stderr(&answered));

    // The command line finds it by its folder, or by its token and the certificate to trust.
    let shown =
        boomgate(sandbox.temporary.path(), &["clock", "show", "--json", "--data-dir", folder.to_str().unwrap()]);
    let shown = { shown }.output().unwrap();
    assert!(shown.status.success(), "{}", stderr(&shown));
    let arguments =
        ["clock", "advance", "90m", "--json", "--server", sandbox.text("url"), "--ca", sandbox.text("ca_file")];
    let mut moved = boomgate(sandbox.temporary.path(), &arguments);
    let moved = moved.env("BOOMGATE_SANDBOX_TOKEN", sandbox.text("sandbox_token")).output().unwrap();
    let moved: Value = serde_json::from_str(stdout(&moved)).unwrap_or_else(|_| panic!("{}", stderr(&moved)));
    assert_eq!(moved["shifted_by_s"], 5_400);

    drop(sandbox.process.stdin.take());
    let ended = sandbox.process.wait().unwrap();
    assert!(ended.success(), "{ended}");
    assert!(!folder.exists(), "a clean stop removes it");
    let mut rest = String::new();
    sandbox.output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "nothing else is on standard output");
}

/// Whether a process of this id runs.
fn runs(pid: &str) -> bool {
    let Ok(stat) = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")) else { return false };
    // Nobody reaps it where no init does.
    !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z')
}

#[cfg(target_os = "linux")]
#[test]
fn a_parent_that_is_killed_leaves_no_orphan() {
    let temporary = tempfile::tempdir().unwrap();
    // It holds the other end of the pipe, and runs no code at its end.
    let mut parent = std::process::Command::new("python3");
    let python = "import subprocess, sys\n\
                  child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n\
                  print(child.stdout.readline().decode().strip(), flush=True)\n\
                  child.wait()";
    parent.args(["-c", python, env!("CARGO_BIN_EXE_boomgate")]).args(FOR_A_TEST);
    parent.current_dir(temporary.path()).env("TMPDIR", temporary.path()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut parent = parent.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    let (pid, folder) = (line["pid"].to_string(), PathBuf::from(line["data_dir"].as_str().unwrap()));
    assert!(runs(&pid) && folder.exists());
    parent.kill().unwrap();
    parent.wait().unwrap();
    let clock = SystemClock::new();
    while runs(&pid) {
        assert!(clock.monotonic() < Duration::from_secs(20), "{pid} still runs");
        std::thread::yield_now();
    }
    assert!(!folder.exists(), "it stopped cleanly");
}

#[test]
fn a_sandbox_without_standard_input_says_so_unless_its_start_fails() {
    let temporary = tempfile::tempdir().unwrap();
    let start = |arguments: &[&str]| {
        let mut command = boomgate(temporary.path(), arguments);
        command.env("TMPDIR", temporary.path()).stdin(Stdio::null()).output().unwrap()
    };
    let ended = start(&FOR_A_TEST);
    assert_eq!((ended.status.code(), stdout(&ended)), (Some(3), ""), "{}", stderr(&ended));
    let said = stderr(&ended);
    assert!(said.contains("standard input ended before the sandbox was ready"), "{said}");
    assert!(said.contains("keep a pipe open") && !said.contains("next start"), "{said}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = start(&["sandbox", "--in-memory", "--listen", &address, "--ready-json", "--exit-with-stdin"]);
    assert_eq!((refused.status.code(), stdout(&refused)), (Some(1), ""), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("is in use by another program"), "{}", stderr(&refused));
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "no folder stays");
}

#[test]
fn the_folder_of_a_killed_sandbox_goes_with_the_next_start_and_sigquit_is_a_clean_stop() {
    let mut killed = Ready::start();
    let left = killed.data_dir();
    killed.process.kill().unwrap();
    killed.process.wait().unwrap();
    assert!(left.exists(), "nobody could remove it");
    let first = Ready::start_in(killed.temporary);
    assert!(!left.exists());

    let used = first.data_dir();
    let mut second = Ready::start_in(first.temporary);
    assert!(used.exists(), "its sandbox runs");
    let own = second.data_dir();
    let quit = std::process::Command::new("kill").args(["-QUIT", &second.process.id().to_string()]).status().unwrap();
    assert!(quit.success());
    assert!(second.process.wait().unwrap().success() && !own.exists());
    let mut first = first.process;
    drop(first.stdin.take());
    assert!(first.wait().unwrap().success());
}

#[test]
fn a_sandbox_in_memory_leaves_the_folder_of_a_server_that_runs_alone() {
    let running = Running::start("sandbox");
    let record = running.folder.path().join("data/server.json");
    let before = std::fs::read_to_string(&record).unwrap();
    let refused =
        running.call(&["sandbox", "--in-memory", "--data-dir", "data", "--listen", "127.0.0.1:0", "--exit-with-stdin"]);
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("the data folder data is in use by another process"), "{}", stderr(&refused));
    assert_eq!(std::fs::read_to_string(&record).unwrap(), before);
}

#[test]
fn the_clock_of_a_sandbox_is_moved_from_the_command_line() {
    let mut sandbox = Running::start("sandbox");
    let token_file = sandbox.folder.path().join("data/sandbox-token");
    let mut greeting = String::new();
    while !greeting.contains("To paste") {
        sandbox.process.output.read_line(&mut greeting).unwrap();
    }
    assert!(greeting.contains("control token  data/sandbox-token"), "{greeting}");
    let call = |arguments: &[&str]| boomgate(sandbox.folder.path(), arguments).output().unwrap();
    let shown = call(&["clock", "show"]);
    assert!(stdout(&shown).contains("shifted by  nothing"), "{} {}", stdout(&shown), stderr(&shown));
    let moved = call(&["clock", "advance", "2d"]);
    assert!(stdout(&moved).contains("shifted by  2d"), "{} {}", stdout(&moved), stderr(&moved));
    let frozen = call(&["clock", "freeze"]);
    assert!(stdout(&frozen).contains("frozen      yes"), "{}", stdout(&frozen));
    assert!(stderr(&frozen).contains("throttle refills"), "{}", stderr(&frozen));
    assert!(stdout(&call(&["clock", "resume"])).contains("frozen      no"));
    let back = call(&["clock", "set", "2020-01-01T00:00:00Z"]);
    assert!(!back.status.success() && stderr(&back).contains("it goes forward only"), "{}", stderr(&back));
    let wrong = call(&["clock", "advance", "90"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("must be a span such as"), "{}", stderr(&wrong));

    std::fs::write(&token_file, format!("bg_sandbox_{}\n", "0".repeat(64))).unwrap();
    let refused = call(&["clock", "show"]);
    assert!(stderr(&refused).contains("another token than the control token"), "{}", stderr(&refused));
    std::fs::remove_file(&token_file).unwrap();
    let lost = call(&["clock", "show"]);
    assert!(stderr(&lost).contains("no sandbox has its control token in data/sandbox-token"), "{}", stderr(&lost));
}
