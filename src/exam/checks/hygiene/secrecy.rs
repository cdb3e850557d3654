//! Secrets and tokens where others can read them: in URLs, which stand in logs, and on connections without TLS.

use crate::exam::evidence::{code, count};
use crate::exam::{Examination, Exchange, Finding};

/// What the journal puts in the place of a secret or a token.
const MARKS: [&str; 4] = ["[secret", "[jti:", "[token]", "[credentials]"];
/// Names that end as those of tokens do, and are those of pages.
const PAGE_NAMES: [&str; 4] = ["page", "next", "continuation", "sync"];

pub(in crate::exam) fn no_secret_in_url(examination: &Examination) -> Finding {
    let expected = "no URL has a secret or a token";
    if !has_requests(examination) {
        return Finding::not_exercised(expected, "no request came");
    }
    // A URL of a retry, or of a renewal, is as bad.
    let found: Vec<_> = examination
        .runs
        .iter()
        .flat_map(|run| run.conversation.all().iter().map(move |exchange| (run, exchange)))
        .filter_map(|(run, exchange)| Some((run, exchange, place(exchange)?)))
        .collect();
    let Some((_, first, place)) = found.first() else {
        return Finding::pass(expected, "none of the requests has one", Vec::new());
    };
    let line = &first.recorded.line;
    let got = format!(
        "{} with a secret or a token in the {place}, such as {}",
        count(found.len(), "request"),
        code(&format!("{} {}", line.method, line.path))
    );
    let evidence = found
        .iter()
        .take(10)
        .map(|(run, exchange, place)| run.shows_that(exchange, &format!("with a secret or a token in the {place}")));
    Finding::fail(expected, got, evidence.collect())
}

pub(in crate::exam) fn only_https(examination: &Examination) -> Finding {
    let expected = "every request is sent over TLS";
    let plain: Vec<_> = examination.runs.iter().filter(|run| run.plain_http.requests > 0).collect();
    if let Some(first) = plain.first() {
        let requests: u64 = plain.iter().map(|run| run.plain_http.requests).sum();
        let exposed: u64 = plain.iter().map(|run| run.plain_http.exposed).sum();
        let requests = count(usize::try_from(requests).unwrap_or(usize::MAX), "request");
        let got = match exposed {
            0 => format!("{requests} came in the clear"),
            _ => format!("{requests} came in the clear, with tokens or secrets in {exposed} of them"),
        };
        return Finding::fail(expected, got, vec![first.shows_end(first.started_at)]);
    }
    if !has_requests(examination) {
        return Finding::not_exercised(expected, "no request came");
    }
    Finding::pass(expected, "no request came in the clear", Vec::new())
}

fn has_requests(examination: &Examination) -> bool {
    examination.undisturbed().any(|run| !run.conversation.all().is_empty())
}

/// Where in its URL a request has a secret or a token.
fn place(exchange: &Exchange) -> Option<&'static str> {
    let line = &exchange.recorded.line;
    if has_mark(&line.path) {
        return Some("path");
    }
    let mut parameters = line.query.as_deref().unwrap_or_default().split('&');
    parameters.any(is_credential).then_some("query")
}

fn is_credential(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or(("", parameter));
    let name = name.to_ascii_lowercase();
    let is_page = value == "[token]" && PAGE_NAMES.iter().any(|page| name.contains(page));
    !is_page && (has_mark(value) || has_mark(&name))
}

fn has_mark(text: &str) -> bool {
    MARKS.iter().any(|mark| text.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{self, Fail, NotExercised, Pass};
    use crate::exam::testing::{Request, examination, get, run, token};
    use crate::exam::{PlainHttp, ScenarioId};

    fn judge(requests: Vec<Request>) -> CheckVerdict {
        no_secret_in_url(&examination([run(ScenarioId::Baseline, requests)])).verdict
    }

    #[test]
    fn a_secret_or_a_token_in_a_path_or_a_query_fails() {
        for query in [
            "access_token=[jti:a]",
            "limit=2&token=[token]",
            "client_secret=[secret:…G1iY]",
            "[jti:a]=1",
            "a=[token][jti:a]",
        ] {
            assert_eq!(judge(vec![token("a"), get("/parking/zones").query(query)]), Fail, "{query}");
        }
        let refused = get("/parking/zones/[jti:a]").refused(401, "token-missing");
        let finding = no_secret_in_url(&examination([run(ScenarioId::Preflight, [refused])]));
        assert_eq!(finding.got, "1 request with a secret or a token in the path, such as `GET /parking/zones/[jti:a]`");
    }

    #[test]
    fn plain_parameters_pass() {
        for query in ["limit=2&number=%5B7%5D", "client_id=demo-writer", "page_token=[token]", "token_type=bearer"] {
            assert_eq!(judge(vec![token("a"), get("/parking/zones").query(query)]), Pass, "{query}");
        }
        assert_eq!(judge(vec![]), NotExercised);
    }

    #[test]
    fn one_request_in_the_clear_fails() {
        let mut first = run(ScenarioId::Preflight, [token("a")]);
        assert_eq!(only_https(&examination([first.clone()])).verdict, Pass);
        first.plain_http = PlainHttp { requests: 2, exposed: 1 };
        let finding = only_https(&examination([first]));
        assert_eq!(
            (finding.verdict, finding.got.as_str()),
            (Fail, "2 requests came in the clear, with tokens or secrets in 1 of them")
        );
        assert_eq!(only_https(&examination([])).verdict, NotExercised);
    }
}
