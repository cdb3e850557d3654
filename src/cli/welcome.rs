//! What a newcomer needs next, once a server is there: addresses, credentials, lines to paste.

use std::fmt::Write as _;
use std::path::Path;

use super::credentials::ADMIN_FILE;
use super::output::quoted;
use crate::config::Edition;
use crate::sandbox::demo::DEMOS;
use crate::tls::CertificateFacts;

/// A server that runs.
pub(super) struct Running<'s> {
    pub(super) edition: Edition,
    pub(super) issuer: &'s str,
    pub(super) audience: &'s str,
    /// `None` when the certificate is the operator's own.
    pub(super) ca: Option<&'s Path>,
    /// The operator's own.
    pub(super) certificate: Option<&'s Path>,
    pub(super) data_dir: &'s Path,
}

/// The text to start with.
pub(super) fn text(running: &Running<'_>) -> String {
    match running.edition {
        Edition::Sandbox => sandbox(running),
        Edition::Serve => serve(running),
    }
}

fn serve(running: &Running<'_>) -> String {
    let mut text = format!("Boomgate serves {}\n\n", running.issuer);
    let credentials = running.data_dir.join(ADMIN_FILE);
    let is_self_signed =
        |certificate: &&Path| CertificateFacts::read(certificate, None).is_ok_and(|facts| facts.is_self_signed());
    let self_signed = running.certificate.filter(is_self_signed);
    if let Some(ca) = running.ca {
        push(&mut text, &format!("  certificate authority  {}", ca.display()));
    }
    if let Some(certificate) = running.certificate {
        push(&mut text, &format!("  certificate            {}", certificate.display()));
    }
    if self_signed.is_some() {
        push(&mut text, "                         self-signed: clients must trust this very file");
    }
    if credentials.exists() {
        push(&mut text, &format!("  administrator          {}", credentials.display()));
    }
    push(&mut text, "\nTo register a client:\n");
    let add = "client add --name Curbside --scope 'read:zones write:zones'";
    push(&mut text, &format!("  {} {add}{}", program(), data_dir_flag(running.data_dir)));
    if let Some(trusted) = running.ca.or(self_signed) {
        push_trust(&mut text, &quoted(&trusted.display().to_string()));
    }
    text
}

fn sandbox(running: &Running<'_>) -> String {
    let Running { issuer, audience, .. } = running;
    let mut text = format!("Boomgate sandbox: {issuer}   (Ctrl-C stops it)\n\n");
    for demo in DEMOS {
        let _written = writeln!(text, "  {:12}  {}  {}", demo.client_id, demo.client_secret, demo.shows);
    }
    push(&mut text, "\nTo paste into another shell, one block after another:\n");
    if let Ok(folder) = std::env::current_dir() {
        push(&mut text, &format!("  cd {}", quoted(&folder.display().to_string())));
    }
    let ca = running.ca.map(|ca| quoted(&ca.display().to_string()));
    let trust = ca.as_ref().map_or_else(String::new, |ca| format!(" --cacert {ca}"));
    let secret = |wanted| DEMOS.iter().find(|demo| demo.client_id == wanted).map_or("", |demo| demo.client_secret);
    let _written = write!(
        text,
        r#"
A token, as any OAuth client gets it:

  TOKEN=$(curl -sS{trust} {issuer}/shared/access-tokens \
    -H 'Content-Type: application/json' \
    -d '{{"grant_type": "client_credentials", "audience": "{audience}",
         "client_id": "demo-writer",
         "client_secret": "{writer}"}}' |
    sed -n -e 's/.*"access_token": *"\([^"]*\)".*/\1/p' -e t -e 'w /dev/stderr')
  : "${{TOKEN:?there is no token, and the answer above says why}}"

Zones, and a zone of your own:

  curl -sS{trust} -H "Authorization: Bearer $TOKEN" \
    '{issuer}/parking/zones?limit=3'
  ZONE='{ZONE}'
  curl -sS{trust} -H "Authorization: Bearer $TOKEN" \
    {issuer}/parking/zones -d "$ZONE"

403, since demo-reader may not write:

  TOKEN=$({boomgate} token get{folder} \
    --client demo-reader)
  curl -sS -i{trust} -H "Authorization: Bearer $TOKEN" \
    {issuer}/parking/zones -d "$ZONE"

429, since demo-limited may ask twice at once:

  TOKEN=$({boomgate} token get{folder} \
    --client demo-limited)
  curl -sS -i{trust} -H "Authorization: Bearer $TOKEN" \
    '{issuer}/parking/zones?limit=[1-4]'
"#,
        writer = secret("demo-writer"),
        boomgate = program(),
        folder = data_dir_flag(running.data_dir),
    );
    if let Some(ca) = ca {
        push_trust(&mut text, &ca);
    }
    text
}

const ZONE: &str = r#"{"number": "9001", "name": "Quay 9, Port Ellery", "operator_id": "harbour-parking",
        "session_type": "vehicle", "location": {"latitude": 34.7181, "longitude": -76.6527}}"#;

fn push_trust(text: &mut String, ca: &str) {
    let _written = write!(
        text,
        "
To make others trust its certificate:

  curl      curl --cacert {ca} …
  Python    SSL_CERT_FILE={ca} python3 …
            REQUESTS_CA_BUNDLE={ca} python3 …
  Node      NODE_EXTRA_CA_CERTS={ca} node …
  Java      keytool -importcert -noprompt -alias boomgate -file {ca} \\
              -keystore boomgate.p12 -storepass changeit
            java -Djavax.net.ssl.trustStore=boomgate.p12 \\
              -Djavax.net.ssl.trustStorePassword=changeit …
  Chromium  mkdir -p $HOME/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb \\
              -A -t C,, -n boomgate -i {ca}
"
    );
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// This program, as it was called.
fn program() -> String {
    std::env::args().next().map_or_else(|| "boomgate".to_owned(), |program| quoted(&program))
}

/// Nothing for the folder that commands look into anyway.
fn data_dir_flag(data_dir: &Path) -> String {
    if data_dir == Path::new("data") {
        return String::new();
    }
    format!(" --data-dir {}", quoted(&data_dir.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest line that a terminal shows as one.
    const COLUMNS: usize = 100;

    #[test]
    fn no_line_is_wider_than_a_terminal_nor_a_comment() {
        for (edition, ca) in [
            (Edition::Sandbox, Some(Path::new("data/tls/ca.pem"))),
            (Edition::Serve, Some(Path::new("data/tls/ca.pem"))),
            (Edition::Serve, None),
        ] {
            let issuer = "https://localhost:8443";
            let (audience, data_dir) = ("public.api.passportinc.com", Path::new("data"));
            let text = text(&Running { edition, issuer, audience, ca, certificate: None, data_dir });
            // The path of this program is as long as it is.
            let text = text.replace(&program(), "target/debug/boomgate");
            for line in text.lines().filter(|line| !line.starts_with("  cd ")) {
                assert!(line.chars().count() <= COLUMNS, "{} columns: {line}", line.chars().count());
                assert!(!line.contains('#'), "zsh reads a comment as a command: {line}");
            }
        }
    }
}
