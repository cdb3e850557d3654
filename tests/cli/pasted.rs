//! What people paste: the blocks of the manual and the start-up text, run by a shell as they stand.
//!
//! bash runs them. zsh need not be installed: what it would read in another way is refused by its rules, below.

use std::io::BufRead as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::thread;

use super::manual::{Page, repository};
use super::{Running, stderr, stdout};

/// Where a reader has the program once it is built.
const BUILT: &str = "$PWD/target/debug";
/// Where a page says that the program must be on the path.
const SET_UP: &str = "getting-started.md#set-up-your-shell";
/// The page whose blocks install and start a server; all other pages are read beside a sandbox.
const SELF_HOSTING: &str = "docs/self-hosting.md";
/// The pages that show what their blocks print, in blocks of their own.
const WITH_OUTPUT: [&str; 2] = ["docs/sandbox", "docs/exam"];
/// What such a page leaves out at the end of a line.
const LEFT_OUT: char = '…';
/// The shortest identifier, secret or digest, in characters: that of a UUID.
const ID_CHARS: usize = 36;

/// What the blocks of a page print, among other things.
const ANSWERS: [(&str, &[&str]); 7] = [
    ("README.md", &["\"next_cursor\":", "\"number\":\"9002\"", " 403", "insufficient_scope", " 429", "retry-after: 1"]),
    ("docs/getting-started.md", &["boomgate 0.", "\"scope\":\"read:zones\"", "\"remaining\":", "demo-reader"]),
    (
        "docs/clients.md",
        &[
            "50000",
            "client_secret  bg_secret_",
            "suspended",
            "active",
            "USED",
            "last used",
            "ends",
            "2 to add, 0 to change, 0 to remove, 0 unchanged",
            "nothing to do: 2 unchanged",
        ],
    ),
    (SELF_HOSTING, &["client_secret  bg_secret_"]),
    ("docs/tokens-and-keys.md", &["demo-reader", "client_secret  bg_secret_", "signing", "verifying"]),
    ("docs/observability.md", &["store", "client_registered"]),
    ("docs/settings.md", &["BOOMGATE_WORKERS"]),
];

/// The lines of a page that a reader pastes, one block after another.
fn pasted_lines(page: &Page) -> Vec<&str> {
    page.blocks().into_iter().filter(|block| block.language == "sh").flat_map(|block| block.lines).collect()
}

/// What is run instead of these lines. Lines that build or test the program (make, cargo) are left out: it is built already.
fn script(lines: &[&str], sandbox: &Running) -> String {
    let lines: Vec<&str> = lines.iter().copied().filter(|line| !is_of_the_build(line)).collect();
    lines
        .join("\n")
        .replace("https://localhost:8443", &sandbox.address)
        .replace(BUILT, program_folder().to_str().unwrap())
}

fn is_of_the_build(line: &str) -> bool {
    line.starts_with("make ") || line.starts_with("cargo ")
}

fn program_folder() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_boomgate")).parent().unwrap()
}

/// Runs a script as a newcomer's shell does, with the program on its path.
fn paste(folder: &Path, script: &str) -> String {
    let pasted = bash(folder, script).output().unwrap();
    assert!(pasted.status.success(), "{script}\n{}\n{}", stdout(&pasted), stderr(&pasted));
    stdout(&pasted).to_owned()
}

fn bash(folder: &Path, script: &str) -> Command {
    let path = format!("{}:{}", program_folder().display(), std::env::var_os("PATH").unwrap().display());
    let mut bash = Command::new("bash");
    bash.current_dir(folder).env("PATH", path).args(["-eu", "-c", script]);
    bash
}

#[test]
fn the_blocks_of_each_page_work_one_after_another_as_they_stand() {
    let pages = Page::all();
    for (name, _) in ANSWERS {
        assert!(pages.iter().any(|page| page.name == name), "there is no page {name}");
    }
    thread::scope(|scope| {
        for page in &pages {
            scope.spawn(|| {
                let printed = if page.name == SELF_HOSTING { self_hosted(page) } else { beside_a_sandbox(page) };
                for answer in ANSWERS.iter().filter(|(name, _)| *name == page.name).flat_map(|(_, answers)| *answers) {
                    assert!(printed.contains(answer), "{}: {answer} is not in: {printed}", page.name);
                }
            });
        }
    });
}

fn beside_a_sandbox(page: &Page) -> String {
    let lines = pasted_lines(page);
    if lines.iter().all(|line| is_of_the_build(line)) {
        return String::new();
    }
    let sandbox = Running::start("sandbox");
    if !WITH_OUTPUT.iter().any(|pages| page.name.starts_with(pages)) {
        return paste(sandbox.folder.path(), &script(&lines, &sandbox));
    }
    // Some blocks run what the repository has for readers to copy.
    symlink(repository().join("examples"), sandbox.folder.path().join("examples")).unwrap();
    let printed = paste(sandbox.folder.path(), &format!("exec 2>&1\n{}", script(&lines, &sandbox)));
    check_output(page, &printed.replace(&sandbox.address, "https://localhost:8443"));
    printed
}

/// Checks that each line which a page shows as output was printed, but for what is another in each run.
fn check_output(page: &Page, printed: &str) {
    let printed_lines: Vec<String> = printed.lines().map(lasting_parts).collect();
    let blocks = page.blocks();
    let shown = blocks.iter().filter(|block| block.language == "text").flat_map(|block| &block.lines);
    let mut count = 0;
    for line in shown.filter(|line| !line.is_empty()) {
        count += 1;
        let is_printed = match line.split_once(LEFT_OUT) {
            Some((start, _)) => printed_lines.iter().any(|printed| printed.starts_with(&lasting_parts(start))),
            None => printed_lines.contains(&lasting_parts(line)),
        };
        assert!(is_printed, "{}: {line} is not in: {printed}", page.name);
    }
    assert_ne!(count, 0, "{} shows no output", page.name);
}

/// A line without what is another in each run: numbers, unless they are a status, identifiers, and the width of columns.
fn lasting_parts(line: &str) -> String {
    let is_status = |word: &str| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_in_id = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let lasting = |part: &str| match part.len() {
        ID_CHARS.. => "ID".to_owned(),
        _ => part.replace(|letter: char| letter.is_ascii_digit(), ""),
    };
    let of_word = |word: &str| -> String {
        if is_status(word) {
            word.to_owned()
        } else {
            word.split_inclusive(|letter| !is_in_id(letter)).map(lasting).collect()
        }
    };
    line.split_whitespace().map(of_word).collect::<Vec<String>>().join(" ")
}

#[test]
fn output_is_compared_without_what_is_another_in_each_run() {
    let id = "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c";
    for (shown, printed, is_same) in [
        ("now  2026-11-28T08:13:47Z", "now 2027-01-01T09:00:12Z", true),
        ("jti 1ba32c68-d151-8e8d-8ef8-56a6e383ac72", &format!("jti   {id}"), true),
        ("jti 1ba32c68-d151-8e8d-8ef8-56a6e383ac72", "jti none", false),
        ("401", "200", false),
        ("503 flaky", "503 flaky", true),
        ("frozen  no", "frozen  yes", false),
    ] {
        assert_eq!(lasting_parts(shown) == lasting_parts(printed), is_same, "{shown} and {printed}");
    }
}

/// Installs below a folder of its own, on a port of its own, and as this user: a test changes nothing on the machine.
fn self_hosted(page: &Page) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::copy(repository().join("data/boomgate.toml"), folder.path().join("data/boomgate.toml")).unwrap();
    let lines = pasted_lines(page);
    let lines: Vec<&str> =
        lines.into_iter().filter(|line| !is_of_the_build(line) && !line.contains("target/dist")).collect();
    let (serve, check) =
        ("boomgate serve --config /etc/boomgate.toml", "boomgate config check --config /etc/boomgate.toml");
    for command in [serve, check] {
        assert_eq!(lines.iter().filter(|line| **line == command).count(), 1, "{command}: {lines:?}");
    }
    let started = format!("mkfifo out; {serve} --listen 127.0.0.1:0 > out & trap 'kill $!' EXIT; read -r < out");
    let place = |path: &str| folder.path().join(path).to_str().unwrap().to_owned();
    let script = lines.join("\n").replace(serve, &started).replace(check, &format!("{check} --listen 127.0.0.1:0"));
    let script = script.replace("/etc/boomgate.toml", &place("etc.toml")).replace("/var/lib/boomgate", &place("lib"));
    paste(folder.path(), &script.replace("sudo ", ""))
}

#[test]
fn an_answer_without_a_token_stops_the_first_block_and_is_shown() {
    let sandbox = Running::start("sandbox");
    let pages = Page::all();
    let readme = pages.iter().find(|page| page.name == "README.md").unwrap();
    let script = script(&pasted_lines(readme), &sandbox).replace("NotForProduction00iDSjJ", "NotForProduction00iDSjK");
    let pasted = bash(sandbox.folder.path(), &script).output().unwrap();
    assert!(!pasted.status.success());
    let said = stderr(&pasted);
    assert!(said.contains("\"error\":\"invalid_client\"") && said.contains("there is no token"), "{said}");
    assert_eq!(stdout(&pasted), "");
}

/// What zsh, or an interactive bash, reads in another way than the bash of a script: a comment after a command, a pattern
/// without a match, a word that starts with `=`, and `!`, which repeats a command.
#[test]
fn no_block_has_what_zsh_reads_in_another_way() {
    for page in Page::all() {
        for block in page.blocks().into_iter().filter(|block| block.language == "sh") {
            if let Err((line, letter)) = read_as_zsh(&block.lines) {
                panic!("{}: {letter:?} in: {line}", page.name);
            }
        }
    }
}

/// The line and the character that zsh would stumble over; `'` or `"` for a quote without an end.
fn read_as_zsh<'b>(lines: &[&'b str]) -> Result<(), (&'b str, char)> {
    let (mut quote, mut here_document) = (None, None);
    for line in lines {
        if here_document.is_some() {
            here_document = here_document.filter(|end| line != end);
            continue;
        }
        let (mut before, mut letters) = (' ', line.chars());
        while let Some(letter) = letters.next() {
            let starts_word = before.is_whitespace() || before == '(';
            match (quote, letter) {
                (None | Some('"'), '\\') => {
                    let _escaped = letters.next();
                }
                (None, '\'' | '"') => quote = Some(letter),
                (Some(open), _) if open == letter => quote = None,
                (None, '?' | '*' | '[') | (None | Some('"'), '!') => return Err((line, letter)),
                (None, '#' | '=') if starts_word => return Err((line, letter)),
                _ => {}
            }
            before = letter;
        }
        here_document = line.split_once("<<'").map(|(_, end)| end.trim_end_matches('\''));
    }
    quote.map_or(Ok(()), |open| Err((lines.last().unwrap(), open)))
}

#[test]
fn what_zsh_reads_in_another_way_is_found() {
    for (line, found) in [
        ("make run # starts it", '#'),
        ("curl https://localhost/zones?limit=3", '?'),
        ("ls *.json", '*'),
        ("curl localhost/[1-4]", '['),
        ("echo \"Hello!\"", '!'),
        ("echo =ls", '='),
        ("echo 'open", '\''),
    ] {
        assert_eq!(read_as_zsh(&[line]), Err((line, found)));
    }
    let fine = ["A=1", "echo 'a # [?*!]' \"${A:?none} # [?*] \\\" \" \\? a#b", "cat <<'EOF'", "it's [x] # y", "EOF"];
    assert_eq!(read_as_zsh(&fine), Ok(()));
}

#[test]
fn the_program_is_on_the_path_before_a_block_calls_it() {
    for page in Page::all().iter().filter(|page| page.name != SELF_HOSTING) {
        let mut is_on_path = page.text.contains(SET_UP);
        for line in pasted_lines(page) {
            is_on_path |= line == format!("PATH={BUILT}:$PATH");
            assert!(!line.contains("target/debug/boomgate"), "{}: {line}", page.name);
            let calls = line.split([' ', '(']).any(|word| word == "boomgate");
            assert!(is_on_path || !calls, "{}: {line}", page.name);
        }
    }
}

#[test]
fn git_ignores_what_the_blocks_write() {
    let ignored: Vec<&str> = include_str!("../../.gitignore").lines().collect();
    let mut count = 0;
    for page in Page::all() {
        for (_, target) in pasted_lines(&page).iter().filter_map(|line| line.split_once("> ")) {
            let file = target.split([' ', ')']).next().unwrap();
            if file.starts_with('/') {
                continue;
            }
            count += 1;
            assert!(ignored.contains(&format!("/{file}").as_str()), "{}: {file} is not in .gitignore", page.name);
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
        assert_ne!(sandbox.process.output.read_line(&mut line).unwrap(), 0, "the text has its end: {lines}");
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
    let said = paste(sandbox.folder.path(), &script);
    for answer in ["\"next_cursor\":", "\"number\":\"9001\"", " 403", "insufficient_scope", " 429", "retry-after: 1"] {
        assert!(said.contains(answer), "{answer} is not in: {said}");
    }
}
