//! The text that a server prints when it has started: its address, credentials, and lines to paste.

use std::fmt::Write as _;
use std::path::Path;

use super::credentials::ADMIN_FILE;
use super::output::quoted;
use crate::config::Edition;
use crate::sandbox::CONTROL_TOKEN_FILE;
use crate::sandbox::demo::DEMOS;
use crate::tls::CertificateFacts;

/// A running server.
pub(super) struct Running<'s> {
    pub(super) edition: Edition,
    pub(super) issuer: &'s str,
    pub(super) audience: &'s str,
    /// The local certificate authority; `None` if the operator has a certificate.
    pub(super) ca: Option<&'s Path>,
    /// The operator's certificate.
    pub(super) certificate: Option<&'s Path>,
    pub(super) data_dir: &'s Path,
}

/// The text.
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
        push(&mut text, "                         self-signed: clients must trust this certificate itself");
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
    let mut text = format!("Boomgate sandbox: {issuer}   (open it in a browser; Ctrl-C stops it)\n\n");
    for demo in DEMOS {
        let _written = writeln!(text, "  {:12}  {}  {}", demo.client_id, demo.client_secret, demo.shows);
    }
    let token = running.data_dir.join(CONTROL_TOKEN_FILE);
    push(&mut text, &format!("\n  control token  {}   (for boomgate clock and the like)", token.display()));
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

403, because demo-reader may not write:

  TOKEN=$({boomgate} token get{folder} \
    --client demo-reader)
  curl -sS -i{trust} -H "Authorization: Bearer $TOKEN" \
    {issuer}/parking/zones -d "$ZONE"

429, because demo-limited may send two requests at once, and two more each second:

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

/// This program, as the user called it.
fn program() -> String {
    std::env::args().next().map_or_else(|| "boomgate".to_owned(), |program| quoted(&program))
}

/// Empty for the default folder.
fn data_dir_flag(data_dir: &Path) -> String {
    if data_dir == Path::new("data") {
        return String::new();
    }
    format!(" --data-dir {}", quoted(&data_dir.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The width of a terminal.
    const COLUMNS: usize = 100;

    #[test]
    fn no_line_is_too_wide_or_has_a_comment() {
        for (edition, ca) in [
            (Edition::Sandbox, Some(Path::new("data/tls/ca.pem"))),
            (Edition::Serve, Some(Path::new("data/tls/ca.pem"))),
            (Edition::Serve, None),
        ] {
            let issuer = "https://localhost:8443";
            let (audience, data_dir) = ("public.api.passportinc.com", Path::new("data"));
            let text = text(&Running { edition, issuer, audience, ca, certificate: None, data_dir });
            // The real path of this program may be long.
            let text = text.replace(&program(), "target/debug/boomgate");
            for line in text.lines().filter(|line| !line.starts_with("  cd ")) {
                assert!(line.chars().count() <= COLUMNS, "{} columns: {line}", line.chars().count());
                assert!(!line.contains('#'), "zsh runs a comment as a command: {line}");
            }
        }
    }
}
