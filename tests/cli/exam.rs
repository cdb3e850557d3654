//! `boomgate exam`, with clients in a few lines of shell and curl.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::{boomgate, stderr, stdout};

/// Gets a token.
const TOKEN: &str = r#"T=$(curl -sS "$BOOMGATE_TOKEN_URL" -d "grant_type=client_credentials&client_id=$BOOMGATE_CLIENT_ID" \
    -d "client_secret=$BOOMGATE_CLIENT_SECRET&audience=$BOOMGATE_AUDIENCE" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')"#;
/// Sends a request with it, and prints the status.
const CALL: &str = r#"call() { curl -sS -o /dev/null -w '%{http_code}\n' -H "Authorization: Bearer $T" "$BOOMGATE_URL/parking/zones?limit=1"; }"#;

/// An exam in a folder of its own. All that it starts has a mark in its environment.
struct Exam {
    folder: TempDir,
    mark: String,
}

impl Exam {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder, mark: Uuid::new_v4().to_string() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = boomgate(self.folder.path(), &["exam"]);
        command.args(arguments).env("TMPDIR", self.folder.path().join("tmp")).env("MARK", &self.mark);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a script of the shell as the client.
    fn examine(&self, options: &[&str], script: &str) -> Output {
        let mut arguments = vec!["demo-writer"];
        arguments.extend(options);
        arguments.extend(["--", "sh", "-c", script]);
        self.run(&arguments)
    }

    fn report(&self) -> Value {
        let json = fs::read_to_string(self.folder.path().join("boomgate-report/report.json")).unwrap();
        serde_json::from_str(&json).unwrap()
    }

    /// Nothing that the exam has started runs any more, and no file of it is left beside the report.
    fn assert_nothing_is_left(&self) {
        let left: Vec<_> =
            fs::read_dir(self.folder.path().join("tmp")).unwrap().map(|left| left.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
        #[cfg(target_os = "linux")]
        for process in fs::read_dir("/proc").unwrap().flatten() {
            let environment = fs::read(process.path().join("environ")).unwrap_or_default();
            let is_marked = String::from_utf8_lossy(&environment).contains(&self.mark);
            assert!(
                !is_marked || is_zombie(&process.path()),
                "{:?} runs",
                fs::read_to_string(process.path().join("cmdline"))
            );
        }
    }
}

fn is_zombie(process: &Path) -> bool {
    fs::read_to_string(process.join("stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn what_is_wrong_is_found_before_anything_runs() {
    let exam = Exam::new();
    fs::write(exam.folder.path().join("script.py"), "").unwrap();
    fs::write(exam.folder.path().join("file"), "").unwrap();
    fs::write(exam.folder.path().join("exam.toml"), "operations = [\"GET /parking/zone/{id}\"]\n").unwrap();
    for (arguments, expected) in [
        (
            vec!["demo-writer"],
            "boomgate: name the command that calls the API: boomgate exam demo-writer -- python3 client.py",
        ),
        (
            vec!["demo-writer", "--", "no-such-program"],
            "boomgate: no program no-such-program is on the PATH: is it installed?",
        ),
        (
            vec!["demo-writer", "--", "script.py"],
            "boomgate: no program script.py is on the PATH: write ./script.py for the file in this folder",
        ),
        (
            vec!["demo-writer", "--", "./script.py"],
            "boomgate: ./script.py is no program that may be executed: start it by its interpreter, or chmod +x it",
        ),
        (
            vec!["demo-writer", "--", "./missing"],
            "boomgate: the command ./missing cannot be started: No such file or directory (os error 2)",
        ),
        (
            vec!["demo-wirter", "--", "true"],
            "boomgate: no demo client is called \"demo-wirter\": did you mean demo-writer?",
        ),
        (
            vec!["demo-admin", "--", "true"],
            "boomgate: demo-admin administers the sandbox of the exam and is not examined: name one of demo-reader, demo-writer, demo-limited",
        ),
        (
            vec!["demo-writer", "--only", "pace,token-reusd", "--", "true"],
            "boomgate: --only \"token-reusd\" is neither a scenario nor a check: did you mean token-reused?",
        ),
        (
            vec!["demo-writer", "--skip", "xyz", "--", "true"],
            "boomgate: --skip \"xyz\" is neither a scenario nor a check: `boomgate exam --list` has all of them",
        ),
        (
            vec!["demo-writer", "--report", "file", "--", "true"],
            "boomgate: the report folder file cannot be made: File exists (os error 17); name another one with --report",
        ),
        (
            vec!["demo-writer", "--report", "~/report", "--", "true"],
            "boomgate: --report \"~/report\" begins with ~, which only a shell reads as a home folder: write the path in full (or ./~ if that is the name)",
        ),
        (
            vec!["demo-writer", "--shrink", "--", "true"],
            "boomgate: --shrink searches in a plan of several steps: name one with --replay, or use --once",
        ),
        (
            vec!["demo-writer", "--profile", "exam.toml", "--", "true"],
            "boomgate: the profile demands \"GET /parking/zone/{id}\", which the API does not have: did you mean \"GET /parking/zones/{id}\"?",
        ),
        (
            vec!["demo-writer", "--replay", "resource#3", "--", "true"],
            "error: invalid value 'resource#3' for '--replay <PLAN>': \"resource#3\" is no step of a plan: write MOMENT=WHAT, such as resource#3=503, token#2=drop or resource.POST#1=answer-lost",
        ),
        (
            vec!["demo-writer", "--env", "A={urll}", "--", "true"],
            "error: invalid value 'A={urll}' for '--env <NAME=VALUE>': has {urll} in it: did you mean {url}?",
        ),
    ] {
        let output = exam.run(&arguments);
        assert_eq!((output.status.code(), stderr(&output).lines().next()), (Some(2), Some(expected)), "{arguments:?}");
        assert!(!exam.folder.path().join("boomgate-report").exists(), "{arguments:?}");
    }
    exam.assert_nothing_is_left();
}

#[test]
fn a_set_up_that_is_wrong_is_one_line_that_mends_it_and_no_report() {
    let exam = Exam::new();
    let without_trust = format!("unset CURL_CA_BUNDLE SSL_CERT_FILE; {TOKEN}");
    let wrong_secret = format!("BOOMGATE_CLIENT_SECRET=wrong; {TOKEN}");
    let fails = format!("{TOKEN}; {CALL}; call; exit 3");
    let refused = format!("{TOKEN}; T=wrong; {CALL}; call");
    let hangs = format!("{TOKEN}; {CALL}; call; sleep 600");
    let keeps = format!("test -s kept || {{ {TOKEN}; echo $T > kept; }}; T=$(cat kept); {CALL}; call");
    for (script, expected) in [
        (
            "exit 0",
            "the command ended with exit code 0 and never connected to the sandbox: let it read the address in BOOMGATE_URL, or set the variable that it reads, such as --env API_URL={url}",
        ),
        (
            "echo no module >&2; exit 9",
            "the command ended with exit code 9 and never connected to the sandbox: let it read the address in BOOMGATE_URL, or set the variable that it reads, such as --env API_URL={url}",
        ),
        (
            without_trust.as_str(),
            "the command connects and does not trust the certificate of the sandbox: let it trust the file in SSL_CERT_FILE, or name that file where it looks, such as --env MY_CA={ca_file}",
        ),
        (
            wrong_secret.as_str(),
            "the command got no token (POST /oauth2/token 401 invalid_client): let it use BOOMGATE_CLIENT_ID and BOOMGATE_CLIENT_SECRET, with the audience BOOMGATE_AUDIENCE",
        ),
        (
            TOKEN,
            "the command ended with exit code 0, got a token and called nothing: let it call the API at BOOMGATE_URL at least once, such as GET /parking/zones",
        ),
        (
            refused.as_str(),
            "the command got a token, and every call was refused (GET /parking/zones 401 token-invalid): let it send the token as Authorization: Bearer, and call what its scope allows",
        ),
        (
            fails.as_str(),
            "the command calls the API undisturbed and ends with exit code 3: it must end with 0, as it does when all is well",
        ),
        (
            hangs.as_str(),
            "the command runs, calls the API and does not end within 2s: let it end after its calls, or give it more time with --deadline",
        ),
        (
            keeps.as_str(),
            "the command used the token of the run before, which it had kept in a file: let each run start without it, such as in a folder of its own (sh -c 'HOME=$(mktemp -d) exec ./client')",
        ),
    ] {
        let output = exam.examine(&["--deadline", "2s"], script);
        let expected = format!("boomgate: {expected}");
        // The last of these shows in the second run, after a line about the first.
        let said = stderr(&output).lines().find(|line| line.starts_with("boomgate: "));
        assert_eq!((output.status.code(), said), (Some(2), Some(expected.as_str())), "{script}");
        assert!(!exam.folder.path().join("boomgate-report/report.json").exists(), "{script}");
    }
    let output = exam.examine(&[], "echo no module >&2; exit 9");
    assert!(stderr(&output).ends_with("  it printed:\n    no module"), "{}", stderr(&output));
    exam.assert_nothing_is_left();
}

#[test]
fn a_flood_of_output_and_children_that_stay_harm_nothing() {
    let exam = Exam::new();
    let script = format!(
        "{TOKEN}; {CALL}; call; head -c 1000000000 /dev/zero; sleep 600 & setsid sleep 600 >/dev/null 2>&1 & exit 0"
    );
    let output = exam.examine(&["--only", "bad-gateway"], &script);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", stderr(&output));
    exam.assert_nothing_is_left();
}

#[test]
fn an_exam_needs_nothing_of_the_environment() {
    let exam = Exam::new();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let script = format!("{TOKEN}; {CALL}; call; exit 0");
    let secret = "bg_secret_0123456789abcdefABCDEF0123456789";
    let mut command =
        exam.command(&["demo-writer", "--only", "throttled", "--json", "--", "sh", "-c", &script, secret]);
    command.env_clear().env("PATH", path).env("HOME", "");
    let output = command.output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", stderr(&output));
    let printed: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(printed, exam.report());
    for file in ["report.json", "report.html", "report.md", "junit.xml", "conversation.jsonl"] {
        let text = fs::read_to_string(exam.folder.path().join("boomgate-report").join(file)).unwrap();
        assert!(!text.contains(secret), "{file} has a secret that is a word of the command");
    }
    let runs: Vec<_> = printed["runs"].as_array().unwrap().iter().map(|run| &run["scenario"]).collect();
    assert_eq!(runs, ["preflight", "baseline", "throttled"]);
}

#[test]
fn settings_of_the_caller_are_none_of_the_exams_sandboxes() {
    let exam = Exam::new();
    let script = format!("{TOKEN}; {CALL}; test \"$(call)\" = 200");
    let mut command = exam.command(&["demo-reader", "--only", "not-found", "--", "sh", "-c", &script]);
    command.env("BOOMGATE_CONFIG", "/nowhere.toml").env("BOOMGATE_LISTEN", "127.0.0.1:1");
    command.env("BOOMGATE_CLIENT_SECRET", "another").env("https_proxy", "http://127.0.0.1:9");
    let output = command.output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", stderr(&output));
}

#[test]
fn an_exam_that_is_interrupted_ends_what_runs_and_reports_what_ran() {
    let exam = Exam::new();
    // The first two runs end at once; the others say that they run, and wait.
    let waits = exam.folder.path().join("waits");
    assert!(Command::new("mkfifo").arg(&waits).status().unwrap().success());
    let script = format!(
        "{TOKEN}; {CALL}; call; echo x >> runs; test $(wc -l < runs) -le 2 || {{ echo x > waits; sleep 600; }}"
    );
    let child = exam.command(&["demo-writer", "--", "sh", "-c", &script]).spawn().unwrap();
    fs::read(&waits).unwrap();
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let report = exam.report();
    assert_eq!(report["runs"].as_array().unwrap().len(), 2);
    exam.assert_nothing_is_left();
}

#[test]
fn a_client_that_breaks_only_when_two_faults_meet_gets_those_two() {
    let exam = Exam::new();
    let script =
        format!("{TOKEN}; {CALL}; call; A=$(call); B=$(call); call; call; test \"$A\" != 503 || test \"$B\" != 503");
    let plan = "resource#1=404,resource#2=503,resource#3=503,resource#4=502,resource#5=429";
    let output = exam.examine(&["--replay", plan, "--shrink"], &script);
    let text = stdout(&output);
    let expected = "boomgate exam demo-writer --replay 'resource#2=503,resource#3=503' -- sh -c ";
    assert!(text.contains(expected), "{text}\n{}", stderr(&output));
    exam.assert_nothing_is_left();
}

#[test]
fn a_secret_in_a_url_is_a_failed_check_and_no_matter_of_set_up() {
    let exam = Exam::new();
    let script = r#"curl -sS "$BOOMGATE_TOKEN_URL?client_secret=$BOOMGATE_CLIENT_SECRET" -d grant_type=client_credentials; exit 1"#;
    let output = exam.examine(&[], script);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stdout(&output).contains("✗ no-secret-in-url"), "{}", stdout(&output));
    assert_eq!(exam.report()["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn the_exit_code_is_that_of_the_verdict_whoever_reads_the_summary() {
    let exam = Exam::new();
    let script = r#"curl -sS "$BOOMGATE_TOKEN_URL?client_secret=$BOOMGATE_CLIENT_SECRET" -d grant_type=client_credentials; exit 1"#;
    let mut command = exam.command(&["demo-writer", "--", "sh", "-c", script]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", "/nosuch/summary");
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the summary of the step cannot be written to /nosuch/summary"));
    assert_eq!(exam.report()["verdict"], "not ready");
    exam.assert_nothing_is_left();
}

#[test]
fn one_disturbed_run_is_judged_by_each_check_that_it_shows_and_leaves_a_good_client_undecided() {
    let exam = Exam::new();
    // A client that repeats what failed, and gets another token after a 401.
    let once_more = r"get() { for _ in 1 2 3; do S=$(call) || S=0; case $S in 200) return;; 401) token;; *) sleep 1;; esac; done; exit 1; }";
    let script = format!("token() {{ {TOKEN}; }}; token; {CALL}; {once_more}; get; get; get; get");
    let output = exam.examine(&["--once", "--seed", "7"], &script);
    assert_eq!(output.status.code(), Some(0), "{}\n{}", stdout(&output), stderr(&output));
    let report = exam.report();
    assert_eq!(report["verdict"], "undecided");
    let checks = report["checks"].as_array().unwrap();
    let shown: Vec<_> = checks.iter().filter(|check| check["evidence"][0]["scenario"] == "once").collect();
    assert!(shown.len() >= 3 && shown.iter().all(|check| check["verdict"] == "pass"), "{shown:#?}");
    let slow = checks.iter().find(|check| check["id"] == "has-timeout").unwrap();
    assert_eq!(slow["verdict"], "not exercised");
}

#[test]
fn troubles_at_several_requests_each_come_at_their_own() {
    let exam = Exam::new();
    let script = format!("{TOKEN}; {CALL}; call; A=$(call); call; test $A = 200");
    let output = exam.examine(&["--replay", "resource#2=key-rotated,resource#3=token-revoked"], &script);
    assert_eq!(output.status.code(), Some(0), "{}\n{}", stdout(&output), stderr(&output));
    let report = exam.report();
    assert!(report["runs"][2]["output"].as_str().unwrap().ends_with("200\n401\n"), "{}", report["runs"][2]);
}
