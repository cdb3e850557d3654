//! HTTP/2 frames that no client sends: floods, bombs, and requests that are taken back at once (RFC 9113
//! section 10.5).

use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use crate::setting;
use crate::target::Target;
use crate::wire::Connection;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// `ENHANCE_YOUR_CALM`, RFC 9113 section 7.
const ENHANCE_YOUR_CALM: u32 = 11;

/// In HPACK, the entry that was added to the table last: number 62, after the 61 that are always there.
const NEWEST_ENTRY: u8 = 0x80 | 0x3e;

/// What one connection may make the server hold, and what allocators keep after it.
const MOST_BYTES: u64 = 64 * 1_024 * 1_024;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header block in HPACK (RFC 7541) without indexing: any field by its name.
pub fn field(name: &str, value: &str) -> Vec<u8> {
    let mut block = vec![0];
    for text in [name, value] {
        assert!(text.len() < 127 + 128 * 128, "two bytes of length");
        match text.len() {
            short @ 0..127 => block.push(u8::try_from(short).unwrap()),
            long => {
                let rest = long - 127;
                block.extend([127, u8::try_from(rest % 128).unwrap() | 128, u8::try_from(rest / 128).unwrap()]);
            }
        }
        block.extend(text.bytes());
    }
    block
}

/// The head of a request for zones.
fn head(method: &str, token: &str) -> Vec<u8> {
    let fields = [
        (":method", method),
        (":scheme", "https"),
        (":path", "/parking/zones?limit=100"),
        (":authority", "localhost"),
        ("authorization", &format!("Bearer {token}")),
    ];
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// A connection past its preface, with these settings of the client's.
pub async fn open(target: &Target, settings: &[u8]) -> Connection {
    let mut connection = target.connect(&[b"h2"]).await;
    assert!(
        connection.send(&[PREFACE, &frame(SETTINGS, 0, 0, settings), &frame(SETTINGS, ACK, 0, &[])].concat()).await
    );
    connection
}

/// What became of a flood.
#[derive(Debug)]
struct Flooded {
    /// The code of the server's GOAWAY, if it said one.
    goodbye: Option<u32>,
    /// Whether the server closed the connection.
    closed: bool,
}

/// Sends pieces while it reads what the server says, until the server ends it or all are sent.
async fn flood(connection: Connection, pieces: impl Iterator<Item = Vec<u8>> + Send + 'static) -> Flooded {
    let (mut reading, mut writing) = tokio::io::split(connection.stream);
    let sending = tokio::spawn(async move {
        for piece in pieces {
            if tokio::io::AsyncWriteExt::write_all(&mut writing, &piece).await.is_err() {
                return;
            }
        }
        let _flushed = tokio::io::AsyncWriteExt::flush(&mut writing).await;
        // Held open, so that the server is the one that ends it.
        std::future::pending::<()>().await;
    });
    let (mut said, mut some, mut closed) = (Vec::new(), vec![0; 64 * 1_024], false);
    // A server that has said nothing for so long has nothing against it.
    while let Ok(read) = tokio::time::timeout(Duration::from_secs(5), reading.read(&mut some)).await {
        match read {
            Ok(0) | Err(_) => {
                closed = true;
                break;
            }
            Ok(count) => said.extend_from_slice(&some[..count]),
        }
    }
    sending.abort();
    Flooded { goodbye: goodbye(&said), closed }
}

/// The kind and the payload of each frame that came whole.
pub fn frames(mut said: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = said.split_at_checked(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (payload, rest) = rest.split_at_checked(length)?;
        said = rest;
        Some((head[3], payload))
    })
}

/// The code of the last GOAWAY among these frames.
fn goodbye(said: &[u8]) -> Option<u32> {
    let goodbyes = frames(said).filter(|(kind, _)| *kind == GOAWAY);
    goodbyes.last().map(|(_, payload)| u32::from_be_bytes(payload[4..8].try_into().unwrap()))
}

/// What an attack sends, piece by piece.
type Pieces = Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// Streams of a client have odd numbers.
fn streams(count: usize) -> impl Iterator<Item = u32> + Send {
    (0..u32::try_from(count).unwrap()).map(|number| 2 * number + 1)
}

fn floods() -> usize {
    setting("BOOMGATE_HOSTILE_FRAMES", 5_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_frames_end_with_a_goodbye_or_cost_nothing() {
    let target = Target::start().await;
    let frames = floods();
    let token = target.token.clone();
    let request = head("GET", &token);

    // Requests that are taken back at once (CVE-2023-44487).
    let reset = {
        let request = request.clone();
        streams(frames).map(move |stream| {
            let begun = frame(HEADERS, END_STREAM | END_HEADERS, stream, &request);
            [begun, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
        })
    };
    // The same by the server's own hand (CVE-2025-8671): each request has a fault of its stream alone.
    let made_you_reset = {
        let request = request.clone();
        streams(frames).map(move |stream| {
            let begun = frame(HEADERS, END_STREAM | END_HEADERS, stream, &request);
            [begun, frame(WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes())].concat()
        })
    };
    // A head without an end (CVE-2024-27983).
    let continuation = std::iter::once(frame(HEADERS, END_STREAM, 1, &request))
        .chain((0..frames).map(|number| frame(CONTINUATION, 0, 1, &field(&format!("x-{number}"), &"a".repeat(1_000)))));
    // The same with nothing in it, which no size bounds (CVE-2024-24549).
    let empty = std::iter::once(frame(HEADERS, END_STREAM, 1, &request))
        .chain((0..frames).map(|_| frame(CONTINUATION, 0, 1, &[])));
    // A small block that says a large head: one entry of the table, again and again (CVE-2016-1544).
    let bomb = {
        let entry = "a".repeat(3_900);
        let mut planted = vec![0x40];
        planted.extend(&field("x-bomb", &entry)[1..]);
        let block = [request.clone(), planted, vec![NEWEST_ENTRY; 12_000]].concat();
        streams(20).map(move |stream| frame(HEADERS, END_STREAM | END_HEADERS, stream, &block))
    };
    // Questions that have to be answered (CVE-2019-9512, CVE-2019-9515).
    let pings = (0..frames).map(|number| frame(PING, 0, 0, &(number as u64).to_be_bytes()));
    let settings = (0..frames).map(|_| frame(SETTINGS, 0, 0, &[]));
    // Data without data (CVE-2019-9518), on a body that is not waited for in vain.
    let begun = head("POST", &token);
    let nothing =
        std::iter::once(frame(HEADERS, END_HEADERS, 1, &begun)).chain((0..frames).map(|_| frame(DATA, 0, 1, &[])));
    // More requests at a time than the server allows, none of them finished.
    let unfinished = streams(frames).map(move |stream| frame(HEADERS, END_HEADERS, stream, &begun));

    let attacks: [(&str, Pieces, bool); 9] = [
        ("rapid reset", Box::new(reset), true),
        ("made-you-reset", Box::new(made_you_reset), true),
        ("CONTINUATION flood", Box::new(continuation), true),
        ("empty CONTINUATION flood", Box::new(empty), true),
        ("header bomb", Box::new(bomb), false),
        ("PING flood", Box::new(pings), false),
        ("SETTINGS flood", Box::new(settings), false),
        ("empty DATA flood", Box::new(nothing), false),
        ("streams without end", Box::new(unfinished), false),
    ];
    for (name, pieces, is_ended) in attacks {
        let (before, witness) = (target.process.resident_bytes(), target.witness());
        let connection = open(&target, &[]).await;
        let flooded = flood(connection, pieces).await;
        let grown = target.process.resident_bytes().saturating_sub(before);
        let (served, slowest) = witness.served().await;
        assert!(grown < MOST_BYTES, "{name} took {grown} bytes");
        assert!(!is_ended || flooded.closed, "{name}: {flooded:?}");
        println!("hostile: {name}: {flooded:?}, {grown} bytes; {served} served meanwhile, slowest {slowest:?}");
    }
    target.lets_go().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rapid_reset_gets_enhance_your_calm() {
    let target = Target::start().await;
    let request = head("GET", &target.token);
    let connection = open(&target, &[]).await;
    let pieces = streams(floods()).map(move |stream| {
        let begun = frame(HEADERS, END_STREAM | END_HEADERS, stream, &request);
        [begun, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    // Many in one write: they arrive before the first is answered.
    let pieces: Vec<_> = pieces.collect();
    let pieces: Vec<_> = pieces.chunks(100).map(<[_]>::concat).collect();
    let flooded = flood(connection, pieces.into_iter()).await;
    assert!(flooded.closed, "{flooded:?}");
    // The goodbye may be lost when the connection is closed on top of what was still being sent.
    assert!(flooded.goodbye.is_none_or(|code| code == ENHANCE_YOUR_CALM), "{flooded:?}");
}

/// RFC 9113 section 8.2.2: fields that frame an HTTP/1.1 message mean nothing here. Section 8.1.1: a body has
/// the length that its head says. Section 8.3.1: the head of a request is whole, and comes first.
#[tokio::test]
async fn a_message_that_reads_otherwise_in_http_1_is_reset() {
    let target = Target::start().await;
    let whole = |path: &str| {
        let fields = [(":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "localhost")];
        fields.iter().flat_map(|(name, value)| field(name, value)).collect::<Vec<_>>()
    };
    for (name, block) in [
        ("transfer-encoding", [whole("/oauth2/token"), field("transfer-encoding", "chunked")].concat()),
        ("connection", [whole("/oauth2/token"), field("connection", "close")].concat()),
        ("upgrade", [whole("/oauth2/token"), field("upgrade", "h2c")].concat()),
        ("a shorter length", [whole("/oauth2/token"), field("content-length", "5")].concat()),
        ("a longer length", [whole("/oauth2/token"), field("content-length", "500")].concat()),
        ("a name in capitals", [whole("/oauth2/token"), field("X-Name", "a")].concat()),
        ("a line's end in a value", [whole("/oauth2/token"), field("x-name", "a\r\nx-other: b")].concat()),
        ("a pseudo-header too late", [field("x-name", "a"), whole("/oauth2/token")].concat()),
        ("a path twice", [whole("/oauth2/token"), field(":path", "/livez")].concat()),
        ("no method", field(":path", "/oauth2/token")),
    ] {
        let mut connection = open(&target, &[]).await;
        assert!(connection.send(&frame(HEADERS, END_HEADERS, 1, &block)).await);
        connection.send(&frame(DATA, END_STREAM, 1, b"grant_type=x&a=b")).await;
        // Answered after all that came before.
        connection.send(&frame(PING, 0, 0, b"hostile!")).await;
        let mut said = Vec::new();
        let is_over = |said: &[u8]| {
            let is_end = |(kind, _): (u8, &[u8])| [RST_STREAM, GOAWAY].contains(&kind);
            frames(said).any(is_end)
        };
        while !is_over(&said) {
            let mut some = vec![0; 16 * 1_024];
            let read = tokio::time::timeout(Duration::from_secs(20), connection.stream.read(&mut some)).await;
            match read.unwrap_or_else(|_| panic!("{name} was not reset: {:?}", frames(&said).collect::<Vec<_>>())) {
                Ok(0) | Err(_) => break,
                Ok(count) => said.extend_from_slice(&some[..count]),
            }
        }
        let answered = frames(&said).any(|(kind, _)| kind == HEADERS);
        assert!(!answered, "{name} was answered: {:?}", frames(&said).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_answers_that_are_not_taken_hold_a_bounded_part() {
    let target = Target::start().await;
    let (before, witness) = (target.process.resident_bytes(), target.witness());
    let request = head("GET", &target.token);
    let mut held = Vec::new();
    for _ in 0..crate::crowd() / 20 {
        // SETTINGS_INITIAL_WINDOW_SIZE (4) is 0: nothing of a body may be sent.
        let mut connection = open(&target, &[0, 4, 0, 0, 0, 0]).await;
        for stream in streams(100) {
            assert!(connection.send(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &request)).await);
        }
        held.push(connection);
    }
    let (served, slowest) = witness.served().await;
    let grown = target.process.resident_bytes().saturating_sub(before);
    let most = MOST_BYTES + held.len() as u64 * 100 * 64 * 1_024;
    assert!(grown < most, "{} connections took {grown} bytes", held.len());
    println!(
        "hostile: {} times 100 answers that are not taken, {grown} bytes; {served} served meanwhile, slowest {slowest:?}",
        held.len()
    );
    drop(held);
    target.lets_go().await;
}

/// RUSTSEC-2026-0258: h2 keeps each DATA frame until it is read, and flow control does not count one without data.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_data_beside_an_answer_that_is_not_taken_takes_no_memory() {
    let target = Target::start().await;
    let (before, witness) = (target.process.resident_bytes(), target.witness());
    // SETTINGS_INITIAL_WINDOW_SIZE (4) is 0: the answer waits, and so does whatever reads the body after it.
    let connection = open(&target, &[0, 4, 0, 0, 0, 0]).await;
    let begun = frame(HEADERS, END_HEADERS, 1, &head("GET", &target.token));
    let empty = frame(DATA, 0, 1, &[]).repeat(1_000);
    let flooded = flood(connection, std::iter::once(begun).chain((0..1_000).map(move |_| empty.clone()))).await;
    let grown = target.process.resident_bytes().saturating_sub(before);
    let (served, slowest) = witness.served().await;
    assert!(grown < MOST_BYTES, "{flooded:?}, {grown} bytes");
    println!(
        "hostile: empty DATA beside an answer: {flooded:?}, {grown} bytes; {served} served meanwhile, slowest {slowest:?}"
    );
    target.lets_go().await;
}
