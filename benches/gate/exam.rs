//! Target 10: how long it takes to judge a conversation and to write its report.

use std::path::Path;
use std::time::Instant;

use boomgate::api::sandbox::request::RecordedRequest;
use boomgate::exam::run::PlainHttp;
use boomgate::exam::watched::Watched;
use boomgate::exam::{Conversation, Examination, Run, report};
use boomgate::http::routes;
use boomgate::time::UnixMillis;
use serde_json::json;

use crate::load::median;
use crate::options::Options;
use crate::report::{Line, Report};

const AT_MOST_MS: f64 = 2_000.0;
const REQUESTS: usize = 10_000;
/// Every so many requests there is one for a token.
const TOKEN_EVERY: usize = 20;
/// What an answer has in its body, in bytes.
const BODY_BYTES: usize = 1_024;

pub(crate) fn measure(options: &Options, work: &Path, report: &mut Report) -> anyhow::Result<()> {
    let requests = (0..options.records(REQUESTS)).map(recorded).collect::<Result<Vec<_>, _>>()?;
    let folder = work.join("report");
    let mut times = Vec::new();
    for _ in 0..options.rounds.max(5) {
        let (watched, written) = (requests.clone(), requests.clone());
        let started = Instant::now();
        make(watched, written, &folder)?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let line = Line::new(10, format!("the report of {REQUESTS} requests, judged and written"), median(&times), "ms");
    report.add(line.at_most(AT_MOST_MS).rounds(&times));
    Ok(())
}

fn make(watched: Vec<RecordedRequest>, written: Vec<RecordedRequest>, folder: &Path) -> anyhow::Result<()> {
    let now = UnixMillis::new(1_800_000_000_000);
    let watched = Watched {
        client_id: "demo-writer".to_owned(),
        scopes: vec!["read:zones".to_owned(), "write:zones".to_owned()],
        operations: routes::scoped_operations(),
        requests: watched,
        plain_http: PlainHttp::default(),
    };
    let made = watched.report(now);
    let runs = vec![Run::watched(Conversation::new(written), now)];
    Ok(report::write_all(&made, &Examination { runs, ..Examination::default() }, folder)?)
}

/// The request at `index`, as a journal shows it.
fn recorded(index: usize) -> Result<RecordedRequest, serde_json::Error> {
    let is_token = index.is_multiple_of(TOKEN_EVERY);
    let (method, path) = if is_token {
        ("POST", "/shared/access-tokens")
    } else {
        ("GET", "/parking/zones/3f1c9c1e-6a7e-4d0e-9a55-0c8a3a1b2c4d")
    };
    let real_at = UnixMillis::new(1_799_000_000_000 + index as u64 * 50);
    let message = |body: String| {
        json!({
            "fields": [{ "name": "content-type", "value": "application/json" }, { "name": "x-request-id", "value": format!("{index:036}") }],
            "has_more_fields": false,
            "body_bytes": body.len(),
            "body": body,
            "has_more_body": false,
            "is_complete": true,
        })
    };
    serde_json::from_value(json!({
        "number": index + 1,
        "request_id": format!("{index:036}"),
        "at": "2026-11-28T08:13:46Z",
        "real_at": real_at,
        "client": "demo-writer",
        "method": method,
        "path": path,
        "query": null,
        "status": 200,
        "reason": null,
        "duration_ms": 1.5,
        "fault": null,
        "connection": 1,
        "http": "1.1",
        "tls": "TLSv1.3",
        "user_agent": "curbside/1.4",
        "source": "127.0.0.1:50000",
        "cipher": "TLS13_AES_256_GCM_SHA384",
        "server_name": "localhost",
        "request": message(String::new()),
        "answer": message(format!("{{\"name\":\"{}\"}}", "a".repeat(BODY_BYTES))),
        "limits": null,
        "explanation": null,
    }))
}
