//! Whether `User-Agent` names the partner: it has a product (RFC 9110 section 10.1.5) that is not a library, a language or a
//! system.

use std::collections::BTreeMap;

use crate::exam::evidence::{code, count};
use crate::exam::{Examination, Exchange, Finding};

/// Products that name no partner, in lower case.
const GENERIC: [&str; 72] = [
    "aiohttp",
    "ahc",
    "apache-httpasyncclient",
    "apache-httpclient",
    "applewebkit",
    "authlib",
    "axios",
    "bun",
    "cfnetwork",
    "chrome",
    "commons-httpclient",
    "cpython",
    "curl",
    "dart",
    "dart:io",
    "darwin",
    "deno",
    "excon",
    "faraday",
    "fasthttp",
    "gecko",
    "go",
    "go-http-client",
    "go-resty",
    "got",
    "grequests",
    "guzzle",
    "guzzlehttp",
    "hackney",
    "http.rb",
    "httpclient",
    "httpie",
    "httpx",
    "hyper",
    "insomnia",
    "java",
    "java-http-client",
    "jersey",
    "jetty",
    "k6",
    "ktor",
    "ky",
    "libcurl",
    "libwww-perl",
    "linux",
    "mozilla",
    "node",
    "node-fetch",
    "node-superagent",
    "node.js",
    "oauth4webapi",
    "oauthlib",
    "okhttp",
    "openid-client",
    "php",
    "postmanruntime",
    "python",
    "python-httpx",
    "python-requests",
    "python-urllib",
    "python-urllib3",
    "reactornetty",
    "reqwest",
    "requests-oauthlib",
    "rest-client",
    "restsharp",
    "ruby",
    "safari",
    "symfony",
    "undici",
    "urllib3",
    "wget",
];
/// The same, by how they start.
const GENERIC_STARTS: [&str; 9] =
    ["powershell", "windowspowershell", "microsoft", "typhoeus", "unirest", "vert.x", "spring", "feign", "ureq"];

/// What stands for a field that is not there.
const NONE: &str = "no `User-Agent`";

pub(in crate::exam) fn user_agent(examination: &Examination) -> Finding {
    let expected = "the `User-Agent` of each request names the partner, such as `curbside/1.4`";
    let Some(run) = examination.baseline() else {
        return Finding::not_exercised(expected, "the scenario was not run");
    };
    let all = run.conversation.all();
    if all.is_empty() {
        return Finding::not_exercised(expected, "no request came");
    }
    let unnamed: Vec<_> = all.iter().filter(|exchange| !names_somebody(agent(exchange).unwrap_or_default())).collect();
    if unnamed.is_empty() {
        return Finding::pass(expected, in_words(all), Vec::new());
    }
    let evidence = unnamed.iter().take(5).map(|exchange| run.shows_that(exchange, &in_code(agent(exchange))));
    let evidence = evidence.collect();
    Finding::fail(expected, in_words(unnamed), evidence)
}

fn agent(exchange: &Exchange) -> Option<&str> {
    exchange.recorded.line.user_agent.as_deref()
}

fn in_code(agent: Option<&str>) -> String {
    agent.map_or_else(|| NONE.to_owned(), code)
}

/// How many requests have each `User-Agent`.
fn in_words<'e>(exchanges: impl IntoIterator<Item = &'e Exchange>) -> String {
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for exchange in exchanges {
        *counts.entry(in_code(agent(exchange))).or_default() += 1;
    }
    let agents = counts.iter().map(|(agent, number)| format!("{} with {agent}", count(*number, "request")));
    agents.take(5).collect::<Vec<_>>().join(", ")
}

/// Whether one of its products is not generic. What stands in parentheses is a comment.
fn names_somebody(agent: &str) -> bool {
    let mut depth = 0_usize;
    let outside: String = agent
        .chars()
        .map(|letter| {
            match letter {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                other if depth == 0 => return other,
                _ => {}
            }
            ' '
        })
        .collect();
    outside.split_whitespace().any(is_name)
}

fn is_name(word: &str) -> bool {
    let name = word.split('/').next().unwrap_or_default().trim_matches([',', ';', ':']).to_ascii_lowercase();
    let is_version = |text: &str| !text.chars().any(|letter| letter.is_ascii_alphabetic());
    let is_version = is_version(&name) || name.strip_prefix('v').is_some_and(is_version);
    let is_filler = matches!(name.as_str(), "client" | "http" | "https" | "version" | "browser" | "default");
    !is_version
        && !is_filler
        && !GENERIC.contains(&name.as_str())
        && !GENERIC_STARTS.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{Fail, NotExercised, Pass};
    use crate::exam::ScenarioId;
    use crate::exam::testing::{examination, get, run, token};

    #[test]
    fn the_defaults_of_libraries_name_nobody() {
        for agent in [
            "",
            "python-requests/2.31.0",
            "Python-urllib/3.11",
            "Python/3.11 aiohttp/3.8.6",
            "python-httpx/0.27.0",
            "curl/7.88.1",
            "Wget/1.21.3",
            "node",
            "undici",
            "axios/1.6.2",
            "got (https://github.com/sindresorhus/got)",
            "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
            "Go-http-client/2.0",
            "okhttp/4.9.3",
            "Java/17.0.9",
            "Java-http-client/21.0.1",
            "Apache-HttpClient/4.5.13 (Java/11.0.21)",
            "reqwest/0.12",
            "hyper/0.14",
            "Ruby",
            "Faraday v2.7.4",
            "GuzzleHttp/7",
            "PostmanRuntime/7.36.0",
            "Dart/3.2 (dart:io)",
            "openid-client/v6.1.0 (https://github.com/panva/openid-client)",
            "oauth4webapi/v3.1.2",
            "Authlib/1.3.0 (+https://authlib.org/)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
            "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1",
            "curl/8.5.0 (curbside)",
        ] {
            assert!(!names_somebody(agent), "{agent}");
        }
    }

    #[test]
    fn a_partner_is_named_with_or_without_its_library() {
        for agent in [
            "curbside/1.4",
            "Curbside Parking 1.4",
            "curbside-sync (ops@curbside.example) python-requests/2.31.0",
            "python-requests/2.31.0 curbside/1.4",
            "acme-node-client/0.1",
            "MyApp",
        ] {
            assert!(names_somebody(agent), "{agent}");
        }
    }

    #[test]
    fn each_request_must_name_the_partner() {
        let named = || get("/parking/zones");
        let unnamed = token("a").edit(|request| request.line.user_agent = Some("python-requests/2.31.0".to_owned()));
        let judge = |requests: Vec<_>| user_agent(&examination([run(ScenarioId::Baseline, requests)]));
        let finding = judge(vec![unnamed, named(), named()]);
        assert_eq!((finding.verdict, finding.got.as_str()), (Fail, "1 request with `python-requests/2.31.0`"));
        let finding = judge(vec![named(), named()]);
        assert_eq!((finding.verdict, finding.got.as_str()), (Pass, "2 requests with `curbside/1.4`"));
        let missing = named().edit(|request| request.line.user_agent = None);
        assert_eq!(judge(vec![missing]).got, "1 request with no `User-Agent`");
        assert_eq!(judge(vec![]).verdict, NotExercised);
    }
}
