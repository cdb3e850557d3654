//! What is wrong with the set-up, if the command does not get through undisturbed: one line that mends it.
//!
//! That is never a failed check: most that goes wrong here is configuration. The one exception is what the conversation
//! proves and no setting mends: a secret or a token in a URL, or in the clear.

use super::running::Watched;
use crate::cli::output::printable;
use crate::exam::{Conversation, Ended, Exchange, Kind, Run};

/// How many lines of the command's output are shown.
const MAX_LINES: usize = 12;
/// How many characters of each.
const MAX_CHARS: usize = 200;
/// The connections of the exam itself between the two readings of the metrics: the second reading has a new token.
const OWN_CONNECTIONS: u64 = 1;

/// The token of one run may be good in the next, which starts from the same state, and then no token is asked for.
const HAS_KEPT: &str = "the command used the token of the run before, which it had kept in a file: let each run start without \
                        it, such as in a folder of its own (sh -c 'HOME=$(mktemp -d) exec ./client')";

/// What the undisturbed run shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SetUp {
    /// The client connects, gets a token, calls, and ends with success.
    Right,
    /// It does not, and this line says what to do, with the end of its output below.
    Wrong(String),
    /// It is refused for a defect that a check is about.
    Defect,
}

/// Judges an undisturbed run. `before` is another one before it, and `deadline` how long it had, as people write it.
pub(super) fn judge(watched: &Watched, before: Option<&Run>, deadline: &str) -> SetUp {
    let run = &watched.run;
    let is_called = run.conversation.resources().any(is_success);
    if is_called && run.ended.is_success() {
        let has_kept =
            |before: &Run| before.conversation.tokens().any(is_success) && run.conversation.tokens().count() == 0;
        return if before.is_some_and(has_kept) { SetUp::Wrong(HAS_KEPT.to_owned()) } else { SetUp::Right };
    }
    if !is_called && is_defect(watched) {
        return SetUp::Defect;
    }
    SetUp::Wrong(with_output(why(watched, deadline, is_called), run))
}

fn is_success(exchange: &Exchange) -> bool {
    exchange.status().is_some_and(|status| (200..300).contains(&status))
}

/// Whether the client was refused because it sent a secret or a token where others may read it.
fn is_defect(watched: &Watched) -> bool {
    const SECRETS: [&str; 4] = ["client_secret", "access_token", "bg_secret_", "eyJ"];
    let in_url = |exchange: &Exchange| {
        let line = &exchange.recorded.line;
        let query = line.query.as_deref().unwrap_or_default();
        line.reason.as_deref() == Some("token-misplaced") || SECRETS.iter().any(|secret| query.contains(secret))
    };
    watched.run.plain_http.requests > 0 || watched.run.conversation.all().iter().any(in_url)
}

fn why(watched: &Watched, deadline: &str, is_called: bool) -> String {
    let Run { conversation, ended, .. } = &watched.run;
    if is_called {
        return match ended {
            Ended::Deadline => format!(
                "the command runs, calls the API and does not end within {deadline}: let it end after its calls, or give it \
                 more time with --deadline"
            ),
            Ended::Exit(code) => format!(
                "the command calls the API undisturbed and ends with exit code {code}: it must end with 0, as it does when \
                 all is well"
            ),
            Ended::Signal(signal) => {
                format!("the command calls the API and is ended by signal {signal}: mend that first")
            }
            Ended::Enough | Ended::WentOn | Ended::Watched => "the exam ended the command".to_owned(),
        };
    }
    let end = match ended {
        Ended::Exit(0) => "ended with exit code 0".to_owned(),
        Ended::Exit(code) => format!("ended with exit code {code}"),
        Ended::Signal(signal) => format!("was ended by signal {signal}"),
        Ended::Deadline => format!("ran for {deadline}"),
        Ended::Enough | Ended::WentOn | Ended::Watched => "was ended".to_owned(),
    };
    if conversation.all().is_empty() {
        if watched.traffic.failed > 0 {
            return "the command connects and does not trust the certificate of the sandbox: let it trust the file in \
                    SSL_CERT_FILE, or name that file where it looks, such as --env MY_CA={ca_file}"
                .to_owned();
        }
        if watched.traffic.secure > OWN_CONNECTIONS {
            return format!(
                "the command {end}, connected and sent no request: let it ask BOOMGATE_TOKEN_URL for a token, and call \
                 BOOMGATE_URL with it"
            );
        }
        return format!(
            "the command {end} and never connected to the sandbox: let it read the address in BOOMGATE_URL, or set the \
             variable that it reads, such as --env API_URL={{url}}"
        );
    }
    if conversation.tokens().next().is_none() {
        return format!(
            "the command {end} and asked for no token{}: let it POST its credentials to BOOMGATE_TOKEN_URL",
            first_answer(conversation)
        );
    }
    if let Some(refused) = conversation.tokens().last().filter(|_| !conversation.tokens().any(is_success)) {
        return format!(
            "the command got no token ({}): let it use BOOMGATE_CLIENT_ID and BOOMGATE_CLIENT_SECRET, with the audience \
             BOOMGATE_AUDIENCE",
            answer(refused)
        );
    }
    match conversation.resources().last() {
        None => format!(
            "the command {end}, got a token and called nothing: let it call the API at BOOMGATE_URL at least once, such as \
             GET /parking/zones"
        ),
        Some(refused) => format!(
            "the command got a token, and every call was refused ({}): let it send the token as Authorization: Bearer, and \
             call what its scope allows",
            answer(refused)
        ),
    }
}

/// The first request, for a client that asks for no token.
fn first_answer(conversation: &Conversation) -> String {
    let first = conversation.all().iter().find(|exchange| exchange.kind != Kind::Token);
    first.map_or_else(String::new, |first| format!(" ({})", answer(first)))
}

/// A request and its answer in a few words: `POST /oauth2/token 401 invalid_client`.
fn answer(exchange: &Exchange) -> String {
    let line = &exchange.recorded.line;
    let status = exchange.status().map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let reason = line.reason.as_deref().map_or_else(String::new, |reason| format!(" {reason}"));
    format!("{} {} {status}{reason}", line.method, line.path)
}

fn with_output(why: String, run: &Run) -> String {
    let lines: Vec<&str> = run.output.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(MAX_LINES)..).unwrap_or_default();
    if last.is_empty() {
        return why;
    }
    let cut = |line: &str| match line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    };
    let output: Vec<_> = last.iter().map(|line| format!("    {}", printable(&cut(line)))).collect();
    format!("{why}\n  it printed:\n{}", output.join("\n"))
}
