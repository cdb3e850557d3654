//! What the journal stores of a request and its answer: everything but tokens and secrets.
//!
//! A token shows as its `jti`, a secret as its last four characters, wherever they stand: in fields, paths, queries and
//! bodies, percent-encoded or with JSON's escapes. What has the name of a secret is hidden whatever it looks like, for an
//! operator may choose a secret; so is what stands in the place of a client's identifier, and is none. Where text names a
//! secret and its form is unknown, it is withheld as a whole.
//!
//! Pure, and paid for by each request in the sandbox: so most text is only searched for a few letters ([`may_hide`]).

mod form;
mod hidden;
mod json;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use self::hidden::Hidden;
pub(crate) use crate::text::redaction::Sender;
use crate::text::redaction::marks::{Sensitive, TOKEN_START, WITHHELD, is_secret, jti_mark, secret_mark, token_mark};
use crate::text::redaction::{decode, redact_from, redact_unknown};

/// What stands for credentials of which nothing can be shown.
const CREDENTIALS: &str = "[credentials]";

/// Letters without which text has neither a token nor a secret, nor the name of one, nor an encoding of these.
const SUSPECT: [&str; 21] = [
    "eyJ",
    "bg_s",
    "ecret",
    "ECRET",
    "assw",
    "ASSW",
    "assphrase",
    "oken",
    "OKEN",
    "ssertion",
    "code",
    "Code",
    "lient_i",
    "lientI",
    "rivate",
    "pi_k",
    "pi-k",
    "piK",
    "PI_K",
    "\\u",
    "%",
];

/// Hides what no journal may have.
#[derive(Clone, Copy)]
pub(crate) struct Redactor<'c> {
    /// Whether a client has this identifier.
    pub(crate) is_client: &'c dyn Fn(&str) -> bool,
}

/// Whether text may have something to hide, so that it is read more closely.
#[must_use]
pub(crate) fn may_hide(text: &str) -> bool {
    SUSPECT.iter().any(|letters| text.contains(letters))
}

/// A path, or any other text that a client chose.
#[must_use]
pub(crate) fn path(path: &str) -> String {
    if may_hide(path) { redact_unknown(path).into_owned() } else { path.to_owned() }
}

/// Appends a body whose coding (gzip, say) is not read here.
pub(crate) fn push_coded_body(out: &mut String) {
    out.push_str(WITHHELD);
}

impl Redactor<'_> {
    /// A query string.
    #[must_use]
    pub(crate) fn query(self, query: &str) -> String {
        if may_hide(query) { form::redact(query, self) } else { query.to_owned() }
    }

    /// The identifier of a client that a request claims to be from.
    #[must_use]
    pub(crate) fn client_id(self, client_id: &str) -> String {
        self.unknown_client(client_id).unwrap_or_else(|| path(client_id))
    }

    /// Appends a body, or the start of one.
    pub(crate) fn push_body(self, out: &mut String, body: &[u8], sender: Sender) {
        // UTF-16 and compressed text hide what they say from every search.
        if body.contains(&0) {
            out.push_str(WITHHELD);
            return;
        }
        let body = String::from_utf8_lossy(body);
        if !may_hide(&body) {
            out.push_str(&body);
        } else if json::is_json(&body) {
            out.push_str(&json::redact(&body, sender, self));
        } else if sender == Sender::Client && form::is_form(&body) {
            out.push_str(&form::redact(&body, self));
        } else {
            out.push_str(&redact_from(&body, sender));
        }
    }

    /// Appends the value of an `Authorization` field. `jti` is that of the token, if the gate has verified it: then nothing
    /// is read here.
    pub(crate) fn push_credentials(self, out: &mut String, value: &str, jti: Option<&Uuid>) {
        let Some((scheme, credentials)) = value.split_once(' ') else {
            // The scheme was forgotten.
            out.push_str(&unnamed(value));
            return;
        };
        // A scheme is a short word; anything else is a secret in the wrong place.
        if scheme.len() > 16 || !scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            out.push_str(CREDENTIALS);
            return;
        }
        out.push_str(scheme);
        out.push(' ');
        match jti {
            Some(jti) => out.push_str(&jti_mark(jti)),
            None if scheme.eq_ignore_ascii_case("basic") => out.push_str(&self.basic(credentials.trim())),
            None => out.push_str(&unnamed(credentials.trim())),
        }
    }

    /// The credentials of HTTP Basic (RFC 7617): the client's identifier, and its secret as a mark.
    fn basic(self, credentials: &str) -> String {
        let decoded = STANDARD.decode(credentials).ok().and_then(|decoded| String::from_utf8(decoded).ok());
        match decoded.as_deref().and_then(|decoded| decoded.split_once(':')) {
            // Both are form-encoded (RFC 6749 section 2.3.1).
            Some((client_id, secret)) => {
                let client_id = self.unknown_client(&decode(client_id)).unwrap_or_else(|| path(client_id));
                format!("{client_id}:{}", Sensitive::Secret.mark(&decode(secret)))
            }
            None => CREDENTIALS.to_owned(),
        }
    }

    /// `lines` of the form `name: value`, as one text, without tokens and secrets; `None` if it has none. Credentials
    /// fields are already redacted.
    #[must_use]
    pub(crate) fn fields(self, lines: &str, sender: Sender) -> Option<String> {
        if !may_hide(lines) && !lines.contains("ookie: ") && !lines.contains("api-key") {
            return None;
        }
        let mut redacted = String::with_capacity(lines.len());
        for line in lines.split_inclusive('\n') {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            let value = value.trim_end_matches('\n');
            redacted.extend([name, ": "]);
            redacted.push_str(&self.field(name, value, sender));
            redacted.push('\n');
        }
        (redacted != lines).then_some(redacted)
    }

    fn field(self, name: &str, value: &str, sender: Sender) -> String {
        match name {
            _ if is_credentials_field(name) => value.to_owned(),
            // A cookie is a secret of some other server on this host.
            "cookie" | "set-cookie" => WITHHELD.to_owned(),
            "referer" | "location" | "content-location" => self.address(value),
            _ => {
                let hidden = Hidden::of_name(name, sender).and_then(|hidden| hidden.mark(value, self));
                hidden.unwrap_or_else(|| redact_from(value, sender).into_owned())
            }
        }
    }

    /// An address, whose query has parameters.
    fn address(self, address: &str) -> String {
        match address.split_once('?') {
            Some((before, parameters)) => format!("{}?{}", path(before), self.query(parameters)),
            None => path(address),
        }
    }
}

/// Credentials whose kind only their look says.
fn unnamed(credentials: &str) -> String {
    if credentials.starts_with(TOKEN_START) {
        token_mark(credentials)
    } else if is_secret(credentials) {
        secret_mark(credentials)
    } else if credentials.is_empty() {
        String::new()
    } else {
        CREDENTIALS.to_owned()
    }
}

/// What the value of a field is by its name alone, in lower case.
#[must_use]
pub(crate) fn is_credentials_field(name: &str) -> bool {
    matches!(name, "authorization" | "proxy-authorization")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "bg_secret_demoReaderInTheSandboxOnlyNotForProduction00QG1iY";
    const CHOSEN: &str = "x7#Kq/9+Zr:Lw=3&Vt\"8\\Bn%5Yp_2Mc~4";

    /// Two clients, one of whose identifiers has the form of a secret.
    const REDACTOR: Redactor<'static> = Redactor {
        is_client: &|client_id| ["demo-reader", "0198a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"].contains(&client_id),
    };

    fn body_of(body: &str, sender: Sender) -> String {
        let mut out = String::new();
        REDACTOR.push_body(&mut out, body.as_bytes(), sender);
        out
    }

    fn credentials_of(value: &str) -> String {
        let mut out = String::new();
        REDACTOR.push_credentials(&mut out, value, None);
        out
    }

    fn query(text: &str) -> String {
        REDACTOR.query(text)
    }

    fn fields(lines: &str, sender: Sender) -> Option<String> {
        REDACTOR.fields(lines, sender)
    }

    #[test]
    fn credentials_show_who_they_are_of_and_nothing_else() {
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiIwMTk4LWEifQ.c2ln";
        let in_basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (value, expected) in [
            (format!("Bearer {token}"), "Bearer [jti:0198-a]"),
            (format!("bearer  {token}"), "bearer [jti:0198-a]"),
            (token.to_owned(), "[jti:0198-a]"),
            (format!("Bearer {SECRET}"), "Bearer [secret:…G1iY]"),
            (SECRET.to_owned(), "[secret:…G1iY]"),
            ("Bearer opaque".to_owned(), "Bearer [credentials]"),
            ("Bearer".to_owned(), "[credentials]"),
            ("Bearer ".to_owned(), "Bearer "),
            (in_basic(&format!("demo-reader:{SECRET}")), "Basic demo-reader:[secret:…G1iY]"),
            (in_basic("demo-reader:hunter2hunter2hunter2"), "Basic demo-reader:[secret:…ter2]"),
            (in_basic("demo-reader:"), "Basic demo-reader:"),
            (in_basic("no colon"), "Basic [credentials]"),
            ("Basic ###".to_owned(), "Basic [credentials]"),
            ("Digest username=\"x\", response=\"y\"".to_owned(), "Digest [credentials]"),
            ("hunter2 is:my password".to_owned(), "[credentials]"),
        ] {
            assert_eq!(credentials_of(&value), expected, "{value}");
        }
        let mut verified = String::new();
        REDACTOR.push_credentials(&mut verified, "Bearer whatever", Some(&Uuid::nil()));
        assert_eq!(verified, "Bearer [jti:00000000-0000-0000-0000-000000000000]");
    }

    #[test]
    fn in_the_place_of_a_client_id_only_a_client_or_what_is_too_short_for_a_secret_is_shown() {
        const UNKNOWN: &str = "x7Kq9ZrLw3Vt8Bn5Yp2Mc4Gh6Dj1Fs0TaQe";
        let known = "0198a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";
        for (client_id, shown) in [
            (UNKNOWN, "[client_id:…TaQe]"),
            (known, known),
            ("demo-reader", "demo-reader"),
            ("demo-raeder", "demo-raeder"),
        ] {
            assert_eq!(REDACTOR.client_id(client_id), shown);
            let basic = format!("Basic {}", STANDARD.encode(format!("{client_id}:x")));
            assert_eq!(credentials_of(&basic), format!("Basic {shown}:[secret]"));
            assert_eq!(query(&format!("a=b&client_id={client_id}")), format!("a=b&client_id={shown}"));
            let json = |client_id: &str| format!("{{\"client_id\": \"{client_id}\", \"client_secret\": \"\"}}");
            assert_eq!(body_of(&json(client_id), Sender::Client), json(shown));
            assert_eq!(body_of(&json(client_id), Sender::Server), json(client_id), "the server names clients alone");
            let form = body_of(&format!("client%5Fid={}", percent_encoded(client_id)), Sender::Client);
            assert_eq!(decode(&form), format!("client_id={shown}"));
            assert!(!body_of(&format!("{{clientId: {client_id}}}"), Sender::Client).contains(UNKNOWN));
        }
    }

    #[test]
    fn fields_are_read_closely_only_where_they_may_hide_something() {
        let plain = "host: localhost:8443\naccept: */*\nuser-agent: curl/8.5.0\n";
        assert_eq!(fields(plain, Sender::Client), None);
        let lines = "referer: https://a/b?access_token=opaque&c=d\ncookie: session=1\nx-api-key: 0123456789abcdef\n\
                     x-trace: bg_secret_a\nauthorization: Bearer [jti:a]\nx-note: the client_secret is x\n";
        insta::assert_snapshot!(fields(lines, Sender::Client).unwrap(), @r"
        referer: https://a/b?access_token=[token]&c=d
        cookie: [withheld]
        x-api-key: [secret:…cdef]
        x-trace: [secret]
        authorization: Bearer [jti:a]
        x-note: [withheld]
        ");
    }

    #[test]
    fn a_body_of_a_form_that_is_not_known_is_withheld_if_it_names_a_secret() {
        for (body, expected) in [
            ("--b\r\nContent-Disposition: form-data; name=\"client_secret\"\r\n\r\nhunter2\r\n--b--", "[withheld]"),
            ("client_secret: hunter2", "[withheld]"),
            ("<p>Caf%C3%A9</p>", "<p>Caf%C3%A9</p>"),
            ("c\0l\0i\0e\0n\0t\0", "[withheld]"),
        ] {
            assert_eq!(body_of(body, Sender::Client), expected, "{body:?}");
        }
        let page = "<p>Send client_secret in the body, not in the query.</p>";
        assert_eq!(body_of(page, Sender::Server), page);
    }

    /// Text around what is to be hidden.
    fn around() -> impl Strategy<Value = String> {
        "[ -~é\n]{0,40}"
    }

    fn a_token() -> impl Strategy<Value = String> {
        ("[a-f0-9]{8}", proptest::collection::vec(any::<u8>(), 32..64)).prop_map(|(jti, signature)| {
            let claims = URL_SAFE_NO_PAD.encode(format!("{{\"jti\":\"{jti}\"}}"));
            format!("eyJhbGciOiJFUzI1NiJ9.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
        })
    }

    /// Each byte encoded, whether or not it needs to be.
    fn percent_encoded(text: &str) -> String {
        let mut encoded = String::new();
        text.bytes().for_each(|byte| write!(encoded, "%{byte:02X}").unwrap());
        encoded
    }

    fn json_escaped(text: &str) -> String {
        let mut escaped = String::new();
        text.encode_utf16().for_each(|unit| write!(escaped, "\\u{unit:04x}").unwrap());
        escaped
    }

    proptest! {
        #[test]
        fn no_token_and_no_secret_with_the_prefix_stays_wherever_it_stands(
            before in around(), after in around(), token in a_token(), encoding in 0..3
        ) {
            let signature = token.rsplit('.').next().unwrap().to_owned();
            for (hidden, rest) in [(token.as_str(), signature.as_str()), (SECRET, "ReaderInTheSandbox")] {
                let hidden = match encoding {
                    0 => hidden.to_owned(),
                    1 => percent_encoded(hidden),
                    _ => percent_encoded(&percent_encoded(hidden)),
                };
                let text = format!("{before}{hidden}{after}");
                let field = text.replace('\n', " ");
                let json = serde_json::to_string(&serde_json::json!({ "a": [text.as_str()] })).unwrap();
                for stored in [
                    path(&text),
                    query(&text),
                    query(&format!("a={text}")),
                    body_of(&text, Sender::Client),
                    body_of(&json, Sender::Client),
                    body_of(&format!("a={text}&b"), Sender::Client),
                    credentials_of(&field),
                    fields(&format!("x: {field}\n"), Sender::Client).unwrap_or_default(),
                ] {
                    let decoded = decode(&stored).into_owned();
                    prop_assert!(!stored.contains(rest) && !decoded.contains(rest), "{stored}");
                }
            }
        }

        #[test]
        fn what_is_named_a_secret_is_hidden_whatever_it_looks_like(
            secret in "[!-~]{17,40}", cut in 0_usize..200, escaped in any::<bool>()
        ) {
            let middle = &secret[2..12];
            let literal = if escaped { format!("\"{}\"", json_escaped(&secret)) } else { serde_json::to_string(&secret).unwrap() };
            let json = format!("{{\"client_id\": \"a\", \"client_secret\": {literal}, \"scope\": \"b\"}}");
            let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let form = format!("client_id=a&client_secret={encoded}&scope=b");
            let basic = format!("Basic {}", STANDARD.encode(format!("a:{secret}")));
            for whole in [&json, &form] {
                let stored = body_of(&whole[..cut.min(whole.len())], Sender::Client);
                prop_assert!(!stored.contains(middle) && !decode(&stored).contains(middle), "{stored}");
                prop_assert!(!stored.contains(&json_escaped(middle)), "{stored}");
            }
            prop_assert!(!query(&form).contains(middle));
            prop_assert!(!credentials_of(&basic).contains(middle));
        }

        #[test]
        fn no_text_panics_and_what_has_nothing_to_hide_stays(text in "\\PC{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            for sender in [Sender::Client, Sender::Server] {
                REDACTOR.push_body(&mut String::new(), &bytes, sender);
                let stored = body_of(&text, sender);
                if !may_hide(&text) {
                    prop_assert_eq!(&stored, &text);
                }
            }
            let _ = (path(&text), query(&text), credentials_of(&text), fields(&text, Sender::Client));
        }
    }

    #[test]
    fn a_chosen_secret_with_every_kind_of_mark_is_hidden() {
        let json = serde_json::to_string(&serde_json::json!({ "client_secret": CHOSEN })).unwrap();
        assert_eq!(body_of(&json, Sender::Client), r#"{"client_secret":"[secret:…Mc~4]"}"#);
        let encoded: String = form_urlencoded::byte_serialize(CHOSEN.as_bytes()).collect();
        assert_eq!(query(&format!("client_secret={encoded}")), "client_secret=[secret:…Mc~4]");
    }
}
