//! A server without a reader of its log or output: it answers, it stops, and it says how many lines it dropped.

use std::io::{PipeReader, Read as _, Write as _};
use std::sync::mpsc::channel;
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

use crate::harness::{ADMIN, ADMIN_AUDIENCE, AUDIENCE, READER, answer, secret};
use crate::log::token;
use crate::process::Site;
use crate::process::shim::{EIO, Faults, SYNCS};

/// How long a stop may take on a machine that runs all other tests at the same time.
const SOON: Duration = Duration::from_secs(15);
/// How long a stop may take that waits for a failing disk.
const BOUNDED: Duration = Duration::from_secs(60);
/// So many lines, as long as these paths, do not fit in a pipe and the queue in memory.
const REQUESTS: u64 = 800;
const PATH_BYTES: usize = 4_000;

/// Sends requests whose access log does not fit in the pipe and the queue.
async fn ask(client: &Client, base: &str) {
    let path = "x".repeat(PATH_BYTES);
    for _ in 0..REQUESTS {
        assert_eq!(answer(client.get(format!("{base}/{path}"))).await.status, 404);
    }
}

/// The lines of a log of JSON.
fn lines(mut log: PipeReader) -> Vec<Value> {
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

#[tokio::test]
async fn a_log_without_a_reader_delays_no_request_no_probe_and_no_stop() {
    let site = Site::new(&[("BOOMGATE_LOG__ACCESS", "true")]);
    let (unread, log) = std::io::pipe().unwrap();
    let mut process = site.spawn_with_log(log);
    process.ready();
    let client = site.client(true);
    ask(&client, &site.base).await;
    assert_eq!(answer(client.get(format!("{}/livez", site.base))).await.status, 200);
    let token = token(&client, &site.base, READER, &secret(READER), AUDIENCE).await;
    assert_eq!(answer(client.get(format!("{}/parking/zones", site.base)).bearer_auth(token)).await.status, 200);
    process.terminate();
    let (status, _) = process.end_within(SOON);
    assert!(status.success(), "{status}");
    drop(unread);
}

#[tokio::test]
async fn when_the_log_is_read_again_a_line_says_how_many_were_dropped_and_metrics_count_them() {
    let site = Site::new(&[("BOOMGATE_LOG__ACCESS", "true"), ("BOOMGATE_LOG__FORMAT", "json")]);
    let (log, its_end) = std::io::pipe().unwrap();
    let process = site.spawn_with_log(its_end);
    // The log has no reader: the answers show that the server is ready.
    while !site.ca_path().exists() || tokio::net::TcpStream::connect(site.address()).await.is_err() {
        tokio::task::yield_now().await;
    }
    let client = site.client(true);
    ask(&client, &site.base).await;
    let admin = token(&client, &site.base, ADMIN, &secret(ADMIN), ADMIN_AUDIENCE).await;
    let metrics = answer(client.get(format!("{}/metrics", site.base)).bearer_auth(admin)).await;
    let metrics = String::from_utf8(metrics.body).unwrap();
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("boomgate_log_lines_dropped_total ")).unwrap();
    let dropped: u64 = dropped.parse().unwrap();
    assert!(dropped > 0, "less was logged than waits");

    let reader = std::thread::spawn(move || lines(log));
    process.terminate();
    let (status, _) = process.end_within(SOON);
    assert!(status.success(), "{status}");
    let lines = reader.join().unwrap();
    let asked = lines.iter().filter(|line| line["path"].as_str().is_some_and(|path| path.starts_with("/xx"))).count();
    let gaps: Vec<_> = lines.iter().filter(|line| line["lines"].is_u64()).collect();
    let [gap] = &gaps[..] else { panic!("one gap: {gaps:?}") };
    assert_eq!((&gap["level"], &gap["target"]), (&"WARN".into(), &"boomgate::telemetry".into()), "{gap}");
    // Between the metrics and the reader two more may have been dropped: the line of the metrics' request, and of the stop.
    let missing = gap["lines"].as_u64().unwrap();
    assert!((dropped..=dropped + 2).contains(&missing), "{gap}, {dropped} counted before");
    // At most three of the dropped lines are others: of the token, of the metrics, and of the stop.
    let accounted = asked as u64 + missing;
    assert!((REQUESTS..=REQUESTS + 3).contains(&accounted), "{asked} written, {missing} dropped");
}

#[tokio::test]
async fn a_server_goes_on_when_the_reader_of_its_log_ends() {
    let site = Site::new(&[("BOOMGATE_LOG__ACCESS", "true")]);
    let (gone, log) = std::io::pipe().unwrap();
    drop(gone);
    let mut process = site.spawn_with_log(log);
    process.ready();
    let client = site.client(false);
    for _ in 0..20 {
        assert_eq!(answer(client.get(format!("{}/livez", site.base))).await.status, 200);
    }
    process.terminate();
    let (status, _) = process.end_within(SOON);
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_server_without_a_reader_of_its_output_still_serves_and_stops() {
    let site = Site::new(&[]);
    let (unread, output) = std::io::pipe().unwrap();
    // The pipe is full, so a further write blocks.
    let mut filler = output.try_clone().unwrap();
    let (progress, bytes) = channel();
    std::thread::spawn(move || {
        for byte in 0_u32.. {
            // Fails when the test has ended.
            let Ok(()) = filler.write_all(b"x") else { return };
            let Ok(()) = progress.send(byte) else { return };
        }
    });
    while bytes.recv_timeout(Duration::from_millis(500)).is_ok() {}
    let mut process = site.spawn_with_output(output);
    process.wait_for("the server is ready");
    let client = site.client(true);
    assert_eq!(answer(client.get(format!("{}/livez", site.base))).await.status, 200);
    process.terminate();
    let (status, _) = process.end_within(SOON);
    assert!(status.success(), "{status}");
    drop(unread);
}

#[tokio::test]
async fn with_a_json_log_every_line_of_a_server_is_json() {
    let json = [("BOOMGATE_LOG__FORMAT", "json"), ("BOOMGATE_LOG__LEVEL", "warn")];
    let site = Site::new(&json);
    let parsed = |lines: &[String]| -> Vec<Value> {
        lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
    };
    let says = |lines: &[Value], level: &str, words: &str| {
        lines.iter().any(|line| line["level"] == level && line["message"].as_str().unwrap().contains(words))
    };
    // The line about the stop comes at every level, and the start-up text for people does not come.
    let site_at_info = Site::new(&[("BOOMGATE_LOG__FORMAT", "json")]);
    let mut process = site_at_info.spawn();
    process.wait_for("the server is ready");
    process.terminate();
    assert_eq!(process.rest_of_stdout(), "");
    let (status, lines) = process.end_within(SOON);
    assert!(status.success(), "{status}");
    assert!(says(&parsed(&lines), "INFO", "Stopping: current requests"), "{lines:?}");

    // A start that is refused: a port in use, wrong settings.
    let listener = std::net::TcpListener::bind(site.address()).unwrap();
    let (status, lines) = site.spawn().end_within(SOON);
    assert_eq!(status.code(), Some(1));
    assert!(says(&parsed(&lines), "ERROR", "is in use by another program"), "{lines:?}");
    drop(listener);
    let mut wrong = Site::new(&json);
    wrong.set("BOOMGATE_WORKERS", "many");
    wrong.set("BOOMGATE_HTTP__KEEP_ALIVE_S", "0");
    let (status, lines) = wrong.spawn().end_within(SOON);
    assert_eq!((status.code(), lines.len()), (Some(1), 1), "{lines:?}");
    assert!(says(&parsed(&lines), "ERROR", "2 settings are wrong\n  BOOMGATE_HTTP__KEEP_ALIVE_S:"), "{lines:?}");

    // A panic: sled's, when its file cannot be synced at the end.
    let mut failing = Site::new(&[]);
    let faults = Faults::of(&mut failing);
    let process = failing.start();
    faults.start(SYNCS, EIO, 0, u32::MAX);
    process.terminate();
    let (_, lines) = process.end_within(BOUNDED);
    assert!(says(&parsed(&lines), "ERROR", "a thread panicked"), "{lines:?}");
}
