//! The lower limit that `make bench` compares Boomgate with: handlers that do only what the protocol needs, on the same TLS
//! settings and listener as Boomgate.
//!
//! `bare zone|signature|jwt|token PORT WORKERS TLS_DIR BODY_FILE` prints `ready` once it accepts. `zone` answers every
//! request with the file; `signature` first checks the signature of the token, with a key that did not make it, which
//! takes as long; `jwt` first lets `jsonwebtoken` read the token and check its signature and expiry, with the first key of
//! the JWK Set in the last file; `token` reads a form and makes one signature. None of them looks at the path: actix-web
//! matches a pattern such as `{id}` with a regular expression, which costs 3 µs, and its default service is the cheapest.

use std::future::ready;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::http::header::{AUTHORIZATION, ContentType};
use actix_web::{App, HttpRequest, HttpResponse, web};
use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boomgate::keys::RING_PROVIDER;
use boomgate::listener::{ConnectionLimits, Sockets};
use boomgate::time::SystemClock;
use boomgate::tls::{Tls, TlsSettings};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};
use tracing::subscriber::NoSubscriber;

const USAGE: &str = "usage: bare zone|signature|jwt|token PORT WORKERS TLS_DIR BODY_FILE [JWK_SET_FILE]";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [answer, port, workers, tls_dir, body_file, jwk_set_file @ ..] = arguments.as_slice() else { bail!(USAGE) };
    let settings = TlsSettings { dir: tls_dir.into(), ..TlsSettings::default() };
    let tls = Tls::open(settings, Arc::new(SystemClock::new()))?.server_config();
    let limits = ConnectionLimits { workers: workers.parse().context("WORKERS")?, ..ConnectionLimits::default() };
    let listener = vec![TcpListener::bind(("127.0.0.1", port.parse().context("PORT")?))?];
    let refuse = || App::new().default_service(web::to(HttpResponse::Forbidden));
    // Without a subscriber, each span of HTTP/2 would ask whether there is one by now.
    tracing::subscriber::set_global_default(NoSubscriber::new())?;
    let body = web::Bytes::from(std::fs::read(body_file).context(body_file.clone())?);
    let signer = web::Data::new(Signer::new()?);

    actix_web::rt::System::new().block_on(async move {
        let sockets = Sockets::new(limits);
        let sockets = match answer.as_str() {
            "zone" => {
                let app = move || {
                    let body = body.clone();
                    App::new().default_service(web::to(move || ready(zone(body.clone()))))
                };
                sockets.https(listener, tls, app, refuse)?
            }
            "signature" | "jwt" => {
                let check: Arc<Check> = match (answer.as_str(), jwk_set_file) {
                    ("signature", []) => Arc::new(move |token| signer.is_by_another(token)),
                    ("jwt", [jwk_set_file]) => Arc::new(jwt(jwk_set_file)?),
                    _ => bail!(USAGE),
                };
                let app = move || {
                    let (body, check) = (body.clone(), check.clone());
                    let answer = move |request: HttpRequest| ready(checked(&request, &*check, body.clone()));
                    App::new().default_service(web::to(answer))
                };
                sockets.https(listener, tls, app, refuse)?
            }
            "token" => {
                let app = move || App::new().app_data(signer.clone()).default_service(web::to(token));
                sockets.https(listener, tls, app, refuse)?
            }
            _ => bail!(USAGE),
        };
        let server = sockets.serve();
        writeln!(std::io::stdout(), "ready")?;
        Ok(server.await?)
    })
}

fn zone(body: web::Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(body)
}

/// Whether a token is accepted.
type Check = dyn Fn(&[u8]) -> bool + Send + Sync;

fn checked(request: &HttpRequest, check: &Check, body: web::Bytes) -> HttpResponse {
    match request.headers().get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer ")) {
        Some(token) if check(token) => zone(body),
        _ => HttpResponse::Unauthorized().finish(),
    }
}

/// Checks with `jsonwebtoken` that the first key of the JWK Set signed the token and that it has not expired; and that it
/// may read zones.
fn jwt(jwk_set_file: &str) -> anyhow::Result<impl Fn(&[u8]) -> bool + use<>> {
    let _already = RING_PROVIDER.install_default();
    let jwk_set: JwkSet = serde_json::from_slice(&std::fs::read(jwk_set_file)?)?;
    let key = DecodingKey::from_jwk(jwk_set.keys.first().context("the JWK Set is empty")?)?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_aud = false;
    Ok(move |token: &[u8]| {
        let jwt = decode::<Claims>(token, &key, &validation);
        jwt.is_ok_and(|jwt| jwt.claims.scope.split(' ').any(|scope_token| scope_token == "read:zones"))
    })
}

#[derive(Deserialize)]
struct Claims {
    scope: String,
}

#[derive(Deserialize)]
struct TokenForm {
    grant_type: String,
    client_id: String,
    client_secret: String,
    audience: String,
}

#[derive(Serialize)]
struct TokenAnswer {
    access_token: String,
    token_type: &'static str,
    expires_in: u32,
    expires_at: &'static str,
    scope: &'static str,
}

#[allow(clippy::disallowed_methods, reason = "what actix does by itself is what is compared")]
async fn token(form: web::Form<TokenForm>, signer: web::Data<Signer>) -> HttpResponse {
    let read = form.grant_type.len() + form.client_id.len() + form.client_secret.len() + form.audience.len();
    let Ok(access_token) = signer.sign() else { return HttpResponse::InternalServerError().finish() };
    if read == 0 {
        return HttpResponse::BadRequest().finish();
    }
    HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(TokenAnswer {
        access_token,
        token_type: "Bearer",
        expires_in: 3_600,
        expires_at: "2026-01-25T15:13:21Z",
        scope: "read:zones write:zones",
    })
}

/// One ES256 signature over as many bytes as a token has, with a key that was parsed once.
struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
    input: String,
}

impl Signer {
    fn new() -> anyhow::Result<Self> {
        let random = SystemRandom::new();
        let refused = |_| anyhow::anyhow!("ring made no key");
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map_err(refused)?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let header = r#"{"typ":"at+jwt","alg":"ES256","kid":"AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_abcde"}"#;
        let claims = r#"{"iss":"https://localhost:8443","sub":"demo-reader","client_id":"demo-reader","aud":"public.api.example.com","scope":"read:zones write:zones","iat":1769354001,"exp":1769357601,"jti":"0f0e0d0c-0b0a-4908-8706-050403020100"}"#;
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        Ok(Self { key, random, input })
    }

    fn sign(&self) -> Result<String, ring::error::Unspecified> {
        let signature = self.key.sign(&self.random, self.input.as_bytes())?;
        Ok(format!("{}.{}", self.input, URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Whether the JWT has a signature of 64 bytes that is not this key's.
    fn is_by_another(&self, token: &[u8]) -> bool {
        let parts = token.iter().rposition(|&byte| byte == b'.').map(|dot| token.split_at(dot));
        let Some((signed, [_dot, signature @ ..])) = parts else { return false };
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.public_key());
        let signature = URL_SAFE_NO_PAD.decode(signature);
        signature.is_ok_and(|signature| signature.len() == 64 && key.verify(signed, &signature).is_err())
    }
}
