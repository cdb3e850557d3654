//! TLS that asks for more than its share: renegotiation and storms of new and resumed sessions.

use std::io::Write as _;
use std::process::{Command, Stdio};

use tokio::task::JoinSet;

use crate::crowd;
use crate::target::Target;

/// What a storm may leave behind: sessions that are remembered, and what allocators keep.
const MOST_BYTES: u64 = 64 * 1_024 * 1_024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renegotiation_is_refused() {
    let target = Target::start().await;
    let witness = target.witness();
    let (address, ca) = (target.site.address().to_string(), target.site.ca_path());
    let said = tokio::task::spawn_blocking(move || {
        let mut openssl = Command::new("openssl")
            .args(["s_client", "-connect", &address, "-tls1_2", "-CAfile"])
            .arg(ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The lone letter asks for a new handshake on this connection.
        openssl.stdin.take().unwrap().write_all(b"R\n").unwrap();
        let output = openssl.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    });
    let said = said.await.unwrap();
    assert!(said.contains("RENEGOTIATING"), "{said}");
    assert!(said.contains("no renegotiation") || said.contains("alert"), "{said}");
    let (served, _) = witness.served().await;
    println!("hostile: renegotiation refused; {served} served meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storms_of_handshakes_leave_nothing_behind() {
    let target = Target::start().await;
    let versions = [&rustls::version::TLS12, &rustls::version::TLS13];
    for version in versions {
        for resumes in [true, false] {
            let (before, witness) = (target.process.resident_bytes(), target.witness());
            let dialer = target.dialer.speaking(&target.site, version);
            // In TLS 1.3 what is needed to resume comes after the handshake: each goes on to an answer.
            let (mut resumed, mut left) = (0, crowd());
            while left > 0 {
                let mut dialing = JoinSet::new();
                let count = left.min(16);
                for _ in 0..count {
                    let dialer = if resumes { dialer.clone() } else { target.dialer.speaking(&target.site, version) };
                    dialing.spawn(async move {
                        let mut connection = dialer.connect(&[b"http/1.1"]).await.unwrap();
                        let sent =
                            connection.send(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
                        let said = connection.read_to_the_end().await;
                        assert!(sent && said.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&said));
                        connection.was_resumed()
                    });
                }
                left -= count;
                resumed += dialing.join_all().await.into_iter().filter(|was_resumed| *was_resumed).count();
            }
            let grown = target.process.resident_bytes().saturating_sub(before);
            let (served, slowest) = witness.served().await;
            assert!(grown < MOST_BYTES, "{grown} bytes");
            // Not all: a ticket of TLS 1.3 is valid once, and the first connection has none.
            assert!(if resumes { resumed > crowd() / 8 } else { resumed == 0 }, "{version:?}: {resumed} resumed");
            println!(
                "hostile: {} handshakes of {version:?}, {resumed} resumed, {grown} bytes; {served} served meanwhile, \
                slowest {slowest:?}",
                crowd()
            );
        }
    }
    target.lets_go().await;
}
