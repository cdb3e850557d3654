//! `Authorization` headers, as bearer tokens and as Basic credentials, and the query string beside them.

#![no_main]

use boomgate::oauth::bearer::{self, MAX_TOKEN_BYTES};
use boomgate::oauth::credentials::{ClientAuthentication, ClientId};
use libfuzzer_sys::fuzz_target;

// Each line is the value of a header; the text after a zero byte is the query string.
fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let query = String::from_utf8_lossy(data.get(end + 1..).unwrap_or_default());
    let headers = || data[..end].split(|byte| *byte == b'\n');
    if let Ok(presented) = bearer::parse(headers(), &query) {
        assert_eq!(headers().count(), 1, "two tokens are none");
        assert!(bearer::in_query(&query).is_none(), "a token in the query is refused, whatever the header says");
        let Some(token) = presented.text() else { return };
        assert!((1..=MAX_TOKEN_BYTES).contains(&token.len()));
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)));
        assert!(data[..end].windows(token.len()).any(|window| window == token.as_bytes()));
    }
    if let Ok(Some(basic)) = ClientAuthentication::from_headers(headers()) {
        assert!(basic.client_id().chars().count() <= 65, "what is longer is cut");
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(client_id) = ClientId::parse(text)
    {
        assert_eq!(client_id.as_str(), text);
    }
});
