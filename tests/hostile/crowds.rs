//! Many connections that hold what they can: by silence, by half a hello, by a head, body or answer without end.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

use crate::crowd;
use crate::target::Target;
use crate::wire::{Connection, Dialer};

/// What a connection that rests may cost, above what the server had: TLS state, buffers, a task.
const BYTES_A_CONNECTION: u64 = 96 * 1_024;
/// What an attack may add whatever its size: allocators keep what they had.
const BYTES_AT_ALL: u64 = 64 * 1_024 * 1_024;
/// Connections that are opened at the same time.
const AT_ONCE: usize = 32;

async fn many(dialer: &Dialer, count: usize, alpn: &[&[u8]]) -> Vec<Connection> {
    let mut opened = Vec::with_capacity(count);
    while opened.len() < count {
        let mut dialing = JoinSet::new();
        for _ in 0..AT_ONCE.min(count - opened.len()) {
            let (dialer, alpn) = (dialer.clone(), alpn.iter().map(|name| name.to_vec()).collect::<Vec<_>>());
            dialing.spawn(async move {
                let alpn: Vec<&[u8]> = alpn.iter().map(Vec::as_slice).collect();
                dialer.connect(&alpn).await.unwrap()
            });
        }
        opened.extend(dialing.join_all().await);
    }
    opened
}

fn growth_is_bounded(target: &Target, before: u64, connections: usize) -> u64 {
    let grown = target.process.resident_bytes().saturating_sub(before);
    let most = BYTES_AT_ALL + BYTES_A_CONNECTION * connections as u64;
    assert!(grown < most, "{connections} connections took {grown} bytes, of at most {most}");
    grown
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_idle_connections_costs_little_and_blocks_no_other_client() {
    // So that none is closed for its silence while the crowd is still coming.
    let target = Target::start_on(Target::site(&[("BOOMGATE_HTTP__REQUEST_TIMEOUT_S", "300")])).await;
    let (before, witness, crowd) = (target.process.resident_bytes(), target.witness(), crowd());
    let idle = many(&target.dialer, crowd, &[b"h2", b"http/1.1"]).await;
    let (files, grown) = (target.process.open_files(), growth_is_bounded(&target, before, crowd));
    assert!(files >= crowd, "{files} files: they are not there all at once");
    let (served, slowest) = witness.served().await;
    drop(idle);
    target.lets_go().await;
    println!(
        "hostile: {crowd} idle TLS connections, {} bytes each; {served} served meanwhile, the slowest in {slowest:?}",
        grown / crowd as u64
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_handshakes_are_dropped_when_their_time_is_over() {
    let target = Target::start().await;
    let (before, witness, crowd) = (target.process.resident_bytes(), target.witness(), crowd());
    let mut halves = Vec::with_capacity(crowd);
    for number in 0..crowd {
        let mut socket = target.dialer.socket().await.unwrap();
        // Nothing, a record's head, a record that promises more than it brings, a byte that is no hello.
        let said: &[u8] =
            [&b""[..], b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"G"][number % 4];
        socket.write_all(said).await.unwrap();
        halves.push(socket);
    }
    growth_is_bounded(&target, before, crowd);
    let timed_out = target.counts("boomgate_connections_total", "timed_out", crowd as u64 * 3 / 4).await;
    target.lets_go().await;
    let (served, slowest) = witness.served().await;
    println!(
        "hostile: {crowd} half-open handshakes, {timed_out} timed out; {served} served meanwhile, slowest {slowest:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_are_dropped_when_their_time_is_over() {
    let target = Target::start().await;
    let (before, witness, crowd) = (target.process.resident_bytes(), target.witness(), crowd());
    let mut slow = many(&target.dialer, crowd, &[b"http/1.1"]).await;
    let mut closed = 0;
    // A byte now and then keeps none of them alive.
    for piece in "GET /parking/zones HTTP/1.1\r\nHost: a\r\nX-Slow: ".as_bytes().iter().cycle() {
        for connection in &mut slow {
            connection.send(&[*piece]).await;
        }
        growth_is_bounded(&target, before, crowd);
        tokio::time::sleep(Duration::from_millis(100)).await;
        if target.process.open_files() < crowd / 2 {
            break;
        }
    }
    target.lets_go().await;
    for connection in &mut slow {
        let said = connection.read_to_the_end().await;
        let said = String::from_utf8_lossy(&said);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
        closed += 1;
    }
    let (served, slowest) = witness.served().await;
    println!("hostile: {crowd} slow heads, {closed} closed; {served} served meanwhile, slowest {slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies_take_no_more_memory_than_they_sent_and_block_no_other_client() {
    let target = Target::start().await;
    let (before, witness, crowd) = (target.process.resident_bytes(), target.witness(), crowd());
    let mut slow = many(&target.dialer, crowd, &[b"http/1.1"]).await;
    let head = "POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\
        Content-Length: 16000\r\n\r\ngrant_type=";
    for connection in &mut slow {
        assert!(connection.send(head.as_bytes()).await);
    }
    for _ in 0..20 {
        for connection in &mut slow {
            connection.send(b"a").await;
        }
        growth_is_bounded(&target, before, crowd);
    }
    let (served, slowest) = witness.served().await;
    drop(slow);
    target.lets_go().await;
    println!("hostile: {crowd} slow bodies; {served} served meanwhile, slowest {slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stop_hold_a_bounded_part_of_their_answers() {
    // The server works at all that it has read, in turns; a well-behaved client waits for its own.
    let target = Target::start_on(Target::site(&[("BOOMGATE_HTTP__REQUEST_TIMEOUT_S", "60")])).await;
    let (before, witness) = (target.process.resident_bytes(), target.witness());
    let crowd = crowd() / 8;
    let mut slow = many(&target.dialer.with_room_for(4_096), crowd, &[b"http/1.1"]).await;
    let request =
        format!("GET /parking/zones?limit=100 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", target.token);
    // Together three megabytes of answers for each, and none of it is read.
    let pipelined = request.repeat(100);
    let mut sending = JoinSet::new();
    for mut connection in slow.drain(..) {
        let pipelined = pipelined.clone();
        sending.spawn(async move {
            // The server stops to read once its answers are not taken.
            let _cut = tokio::time::timeout(Duration::from_secs(3), connection.send(pipelined.as_bytes())).await;
            connection
        });
    }
    let held = sending.join_all().await;
    // What a connection may hold: 16 requests read ahead, and what is written of the answers to them.
    let grown = target.process.resident_bytes().saturating_sub(before);
    let most = BYTES_AT_ALL + crowd as u64 * 1_024 * 1_024;
    assert!(grown < most, "{crowd} readers that stopped took {grown} bytes");
    let (served, slowest) = witness.served().await;
    drop(held);
    target.lets_go().await;
    println!(
        "hostile: {crowd} readers that stopped, {} bytes each; {served} served meanwhile, slowest {slowest:?}",
        grown / crowd.max(1) as u64
    );
}

#[tokio::test]
async fn a_thousand_pipelined_requests_are_answered_in_their_order() {
    const REQUESTS: usize = 1_000;
    let target = Target::start().await;
    let mut connection = target.connect(&[b"http/1.1"]).await;
    let mut requests = String::new();
    for number in 0..REQUESTS {
        let close = if number + 1 == REQUESTS { "Connection: close\r\n" } else { "" };
        let request = format!(
            "GET /parking/zones?limit=1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: number-{number}\r\n\
            Authorization: Bearer {}\r\n{close}\r\n",
            target.token
        );
        requests.push_str(&request);
    }
    let (mut reading, mut writing) = tokio::io::split(connection.stream);
    let sending = tokio::spawn(async move {
        writing.write_all(requests.as_bytes()).await.unwrap();
        writing
    });
    let mut answers = Vec::new();
    let _goodbye = tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut answers).await;
    connection.stream = reading.unsplit(sending.await.unwrap());
    let answers = String::from_utf8_lossy(&answers).to_lowercase();
    let ids: Vec<&str> = answers.lines().filter_map(|line| line.strip_prefix("x-request-id: number-")).collect();
    let expected: Vec<String> = (0..REQUESTS).map(|number| number.to_string()).collect();
    assert_eq!(ids, expected);
    assert_eq!(answers.matches("http/1.1 200 ok").count(), REQUESTS);
    println!("hostile: {REQUESTS} pipelined requests, answered in order");
}
