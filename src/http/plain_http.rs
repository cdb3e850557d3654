//! The answer to plain HTTP: a refusal with the address to use.
//!
//! A redirect would let a client send credentials in the clear for ever. Anyone on the way may have read a credential
//! that came in the clear: a token is revoked, and for a valid client secret the audit log has an entry.

use std::time::Duration;

use actix_web::http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::administration::Administration;
use crate::admission::Admission;
use crate::client_credentials::ClientCredentials;
use crate::http::authorized::authorization;
use crate::http::body;
use crate::http::error::{Problem, ProblemKind};
use crate::http::host;
use crate::http::request_context::{actor, source};
use crate::http::response::Site;
use crate::oauth::bearer::MAX_TOKEN_BYTES;
use crate::oauth::credentials::ClientAuthentication;
use crate::oauth::parameters::{Format, InBody, ParameterFault, Parameters};

/// How many tokens of one request are checked: each may cost a signature check.
const MAX_TOKENS: usize = 8;
/// How much of a body is read, in bytes, and for how long: the answer does not wait for the rest.
const MAX_BYTES: usize = 16 * 1_024;
const MAX_TIME: Duration = Duration::from_secs(2);

/// Refuses any request, after it has revoked the tokens and logged the secrets in it.
pub(crate) async fn refuse(
    request: HttpRequest,
    payload: Payload,
    site: Data<Site>,
    admission: Data<Admission>,
    client_credentials: Data<ClientCredentials>,
    administration: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let exposed = Exposed::of(&request, payload).await;
    let mut has_revoked = false;
    for token in exposed.tokens.iter().take(MAX_TOKENS) {
        if let Ok(token) = admission.verify_signature_and_expiry(token) {
            administration.revoke_exposed(&token, &actor(None, &request)).await?;
            has_revoked = true;
        }
    }
    for authentication in &exposed.credentials {
        if let Ok(client) = client_credentials.authenticate(authentication, source(&request)) {
            administration.secret_exposed(&client.client_id, &actor(None, &request)).await?;
        }
    }
    if let Err(fault) = host::check(request.head()) {
        return Err(closing(Problem::new(ProblemKind::MalformedRequest, fault.to_string())));
    }
    let address = format!("{}{}", site.issuer, request.path());
    let detail = if has_revoked {
        format!("Use {address}. The access token of this request came in the clear and has been revoked.")
    } else {
        format!("Use {address}.")
    };
    Err(closing(Problem::new(ProblemKind::HttpsRequired, detail)))
}

fn closing(problem: Problem) -> Problem {
    problem.with_header(CONNECTION, HeaderValue::from_static("close"))
}

/// Everything in a request that may be a token or the credentials of a client.
struct Exposed {
    tokens: Vec<Zeroizing<String>>,
    credentials: Vec<ClientAuthentication>,
}

impl Exposed {
    async fn of(request: &HttpRequest, payload: Payload) -> Self {
        let fields = request.headers().iter().map(|(_, value)| value.as_bytes());
        let mut exposed = Self {
            tokens: fields.chain([request.query_string().as_bytes()]).flat_map(jwts).collect(),
            credentials: authorization(request).filter_map(basic).collect(),
        };
        exposed.add(Parameters::parse(Format::Form, request.query_string().as_bytes()));
        let content_type = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        // To read the body of a client that expects `100 Continue` would invite it to send secrets in the clear.
        if request.head().expect() {
            return exposed;
        }
        if let Ok(Ok(body)) = timeout(MAX_TIME, body::read(request, payload, MAX_BYTES)).await {
            exposed.tokens.extend(jwts(&body));
            exposed.add(Format::of(content_type, &body).and_then(|format| Parameters::parse(format, &body)));
        }
        exposed
    }

    fn add(&mut self, parameters: Result<Parameters, ParameterFault>) {
        let Ok(mut parameters) = parameters else { return };
        self.tokens.extend(parameters.take("access_token"));
        self.tokens.extend(parameters.take("token"));
        if let InBody::Whole(authentication) = parameters.take_credentials() {
            self.credentials.push(authentication);
        }
    }
}

/// Every JWT in the compact form (RFC 7515 section 3.1) in `bytes`, wherever it is: an attacker who read the request does
/// not care either whether it was well-formed.
fn jwts(bytes: &[u8]) -> impl Iterator<Item = Zeroizing<String>> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let runs = bytes.split(move |&byte| !is_part(byte));
    runs.filter_map(|run| {
        // The start of every JSON object that opens with a name.
        let start = run.windows(3).position(|letters| letters == b"eyJ")?;
        let (_, jwt) = run.split_at_checked(start)?;
        let has_form = jwt.len() <= MAX_TOKEN_BYTES && jwt.split(|&byte| byte == b'.').count() == 3;
        has_form.then(|| String::from_utf8_lossy(jwt).into_owned().into())
    })
}

fn basic(value: &[u8]) -> Option<ClientAuthentication> {
    ClientAuthentication::from_headers(std::iter::once(value)).ok().flatten()
}
