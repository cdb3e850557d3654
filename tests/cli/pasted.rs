//! What people paste: the blocks of the README and the start-up text, run by a shell as they stand.

use std::io::BufRead as _;
use std::path::Path;
use std::process::Command;

use super::{Running, complaint, out};

const README: &str = include_str!("../../README.md");
/// Where a reader of the README has the program once it is built.
const BUILT: &str = "$PWD/target/debug";

/// A block of the README for a shell, with the section that it is in.
struct Block {
    section: &'static str,
    lines: &'static str,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for text in README.split("\n## ").skip(1) {
        let (section, text) = text.split_once('\n').unwrap();
        for kind in text.split("\n```").skip(1).step_by(2) {
            let (kind, lines) = kind.split_once('\n').unwrap();
            assert_ne!(kind, "console", "{section}: a block to paste is sh");
            if kind == "sh" {
                blocks.push(Block { section, lines });
            }
        }
    }
    assert!(blocks.len() > 8, "the README has blocks to paste");
    blocks
}

/// Runs lines as a newcomer's shell does, in the server's folder.
fn paste(running: &Running, lines: &str) -> String {
    let pasted = Command::new("bash").current_dir(running.folder.path()).args(["-eu", "-c", lines]).output().unwrap();
    assert!(pasted.status.success(), "{}", complaint(&pasted));
    out(&pasted).to_owned()
}

/// The blocks of some sections in one script.
fn script(running: &Running, sections: &[&str]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_boomgate")).parent().unwrap();
    let blocks = blocks();
    let wanted: Vec<&str> =
        blocks.iter().filter(|block| sections.contains(&block.section)).map(|block| block.lines).collect();
    assert!(wanted.len() >= sections.len(), "each section has a block");
    wanted.join("\n").replace("https://localhost:8443", &running.address).replace(BUILT, program.to_str().unwrap())
}

#[test]
fn the_blocks_of_the_readme_work_one_after_another_as_they_stand() {
    let sandbox = Running::start("sandbox");
    let sections = ["Try it", "Change who may call", "Declare clients", "Signing keys", "Audit log"];
    let said = paste(&sandbox, &script(&sandbox, &sections));
    for answer in [
        "\"next_cursor\":",
        "\"number\":\"9002\"",
        " 403",
        "insufficient_scope",
        " 429",
        "retry-after: 1",
        "50000",
        "client_secret  bg_secret_",
        "suspended",
        "active",
        "USED",
        "last used",
        "ends",
        "2 to add, 0 to change, 0 to remove, 0 unchanged",
        "nothing to do: 2 unchanged",
        "verifying",
        "client_registered",
    ] {
        assert!(said.contains(answer), "{answer} is not in: {said}");
    }
}

#[test]
fn the_blocks_that_install_a_server_lead_to_one_that_serves_and_registers() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/boomgate.toml"), include_str!("../../data/boomgate.toml")).unwrap();
    let blocks = blocks();
    let of_section = blocks.iter().filter(|block| block.section == "Run it for real");
    let lines = of_section.flat_map(|block| block.lines.lines());
    // The program is built already, and a test installs nothing on the machine.
    let lines: Vec<&str> = lines.filter(|line| *line != "make dist" && !line.contains("target/dist")).collect();
    let serve = "boomgate serve --config /etc/boomgate.toml";
    assert_eq!(lines.iter().filter(|line| **line == serve).count(), 1, "{lines:?}");
    let started = format!("mkfifo out; {serve} --listen 127.0.0.1:0 > out & trap 'kill $!' EXIT; read -r < out");
    let place = |path: &str| folder.path().join(path).to_str().unwrap().to_owned();
    let script = lines.join("\n").replace(serve, &started).replace("sudo ", "");
    let script = script.replace("/etc/boomgate.toml", &place("etc.toml")).replace("/var/lib/boomgate", &place("lib"));
    let program = Path::new(env!("CARGO_BIN_EXE_boomgate")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var_os("PATH").unwrap().display());
    let mut bash = Command::new("bash");
    bash.current_dir(folder.path()).env("PATH", path).args(["-eu", "-c", &script]);
    let pasted = bash.output().unwrap();
    assert!(pasted.status.success(), "{}", complaint(&pasted));
    assert!(out(&pasted).contains("client_secret  bg_secret_"), "{}", out(&pasted));
}

#[test]
fn an_answer_without_a_token_stops_the_first_block_and_is_shown() {
    let sandbox = Running::start("sandbox");
    let first = script(&sandbox, &["Try it"]).replace("NotForProduction00iDSjJ", "NotForProduction00iDSjK");
    let pasted = Command::new("bash").current_dir(sandbox.folder.path()).args(["-c", &first]).output().unwrap();
    assert!(!pasted.status.success());
    let said = complaint(&pasted);
    assert!(said.contains("\"error\":\"invalid_client\"") && said.contains("there is no token"), "{said}");
    assert_eq!(out(&pasted), "");
}

#[test]
fn a_block_has_no_comment_which_zsh_reads_as_a_command() {
    for Block { section, lines } in blocks() {
        let (mut quote, mut before, mut end) = (None, '\n', None);
        for line in lines.lines() {
            // What a here-document holds is no shell's.
            if end.is_some() {
                end = end.filter(|end| line != *end);
                continue;
            }
            for letter in line.chars() {
                match (quote, letter) {
                    (None, '\'' | '"') => quote = Some(letter),
                    (Some(open), _) if open == letter => quote = None,
                    (None, '#') => assert!(!before.is_whitespace(), "{section}: {line}"),
                    _ => {}
                }
                before = letter;
            }
            before = '\n';
            end = line.split_once("<<'").map(|(_, end)| end.trim_end_matches('\''));
        }
        assert_eq!(quote, None, "{section}: a quote is open at the end");
    }
}

#[test]
fn the_program_is_on_the_path_before_a_block_calls_it() {
    let mut is_on_path = false;
    for Block { section, lines } in blocks() {
        for line in lines.lines() {
            is_on_path |= line == format!("PATH={BUILT}:$PATH");
            assert!(!line.contains("target/debug/boomgate"), "{section}: {line}");
            let calls = line.split([' ', '(']).any(|word| word == "boomgate");
            assert!(is_on_path || !calls, "{section}: {line}");
        }
    }
    assert!(is_on_path);
}

#[test]
fn git_ignores_what_the_blocks_write() {
    let ignored: Vec<&str> = include_str!("../../.gitignore").lines().collect();
    let mut count = 0;
    for Block { section, lines } in blocks() {
        for (_, target) in lines.lines().filter_map(|line| line.split_once("> ")) {
            let file = target.split([' ', ')']).next().unwrap();
            if file.starts_with('/') {
                continue;
            }
            count += 1;
            assert!(ignored.contains(&format!("/{file}").as_str()), "{section}: {file} is not in .gitignore");
        }
    }
    assert!(count >= 2, "some block writes a file");
    assert!(ignored.contains(&"/client-secrets"));
}

/// The lines to paste are the first thing that a newcomer does.
#[test]
fn the_lines_of_the_start_up_text_work_as_they_stand() {
    let mut sandbox = Running::start("sandbox");
    let mut lines = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(sandbox.output.read_line(&mut line).unwrap(), 0, "the text has its end: {lines}");
        if line.starts_with("To make others") {
            break;
        }
        lines.push_str(&line);
    }
    let (_, rest) = lines.split_once("To paste into another shell").unwrap();
    // What is not indented says what the block below it is.
    let (mut script, mut in_block) = (String::new(), false);
    for line in rest.lines().skip(1) {
        in_block = line.starts_with("  ") || (in_block && !line.is_empty());
        if in_block {
            script.push_str(line);
            script.push('\n');
        }
    }
    let said = paste(&sandbox, &script);
    for answer in ["\"next_cursor\":", "\"number\":\"9001\"", " 403", "insufficient_scope", " 429", "retry-after: 1"] {
        assert!(said.contains(answer), "{answer} is not in: {said}");
    }
}
