//! `GET /livez` and `GET /readyz`: whether the process runs, and whether it can serve. Public and without limits. The
//! format is that of Kubernetes: `ok`, or one line for each check with `?verbose` and when a check fails.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use tokio::time::timeout;

use crate::keys::Keys;
use crate::store::{Key, Store};
use crate::time::{Clock as _, SharedClock, SystemClock, UnixSeconds};

/// How long the store may take to answer.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);
/// The key that the store is asked for. It need not exist.
const PROBED_KEY: &[u8] = b"readyz";

/// What the checks of readiness look at.
pub(crate) struct Readiness {
    /// Must answer.
    pub(crate) store: Arc<dyn Store>,
    /// Must have one that signs.
    pub(crate) keys: Data<Keys>,
    /// The clock of the keys.
    pub(crate) clock: SharedClock,
    /// The end of the certificate in use, which the system's clock must not have reached.
    pub(crate) certificate_ends: Box<dyn Fn() -> UnixSeconds + Send + Sync>,
    /// Whether the server is stopping.
    pub(crate) stopping: Arc<AtomicBool>,
}

/// 200: a process that does not run gives no answer.
pub(super) async fn livez(request: HttpRequest) -> HttpResponse {
    let text = if is_verbose(&request) { "[+]ping ok\nlivez check passed\n" } else { "ok" };
    answer(StatusCode::OK, text.to_owned())
}

/// 200 if every check passes, else 503. The log has the reason.
pub(super) async fn readyz(request: HttpRequest, readiness: Data<Readiness>) -> HttpResponse {
    let checks = readiness.checks().await;
    let passed = checks.iter().all(|(_, passes)| *passes);
    if passed && !is_verbose(&request) {
        return answer(StatusCode::OK, "ok".to_owned());
    }
    let mut text = String::new();
    for (name, passes) in checks {
        let line = if passes { format!("[+]{name} ok") } else { format!("[-]{name} failed") };
        // Writing into a `String` does not fail.
        let _written = writeln!(text, "{line}");
    }
    text.push_str(if passed { "readyz check passed\n" } else { "readyz check failed\n" });
    answer(if passed { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
}

impl Readiness {
    async fn checks(&self) -> [(&'static str, bool); 4] {
        self.checks_with(self.read_store().await)
    }

    /// How long the store took to answer; `None` if it did not.
    pub(super) async fn read_store(&self) -> Option<Duration> {
        let clock = SystemClock::new();
        let answered = timeout(STORE_TIMEOUT, self.store.get(&Key::new(PROBED_KEY))).await;
        matches!(answered, Ok(Ok(_))).then(|| clock.monotonic())
    }

    /// Every check, by its name, after the store answered or did not.
    pub(super) fn checks_with(&self, store: Option<Duration>) -> [(&'static str, bool); 4] {
        [
            ("store", store.is_some()),
            ("signing-key", self.keys.signing(self.clock.now()).is_some()),
            ("certificate", SystemClock::new().now() < (self.certificate_ends)()),
            ("not-stopping", !self.stopping.load(Ordering::Relaxed)),
        ]
    }
}

fn is_verbose(request: &HttpRequest) -> bool {
    form_urlencoded::parse(request.query_string().as_bytes()).any(|(name, _)| name == "verbose")
}

fn answer(status: StatusCode, text: String) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header(ContentType::plaintext())
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(text)
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;

    use super::*;
    use crate::keys::Algorithm;
    use crate::store::MemoryStore;
    use crate::time::ManualClock;

    async fn ready() -> Data<Readiness> {
        let (store, clock) =
            (Arc::new(MemoryStore::new()), Arc::new(ManualClock::new(UnixSeconds::new(1_700_000_000))));
        let keys = Keys::with_one(store.clone(), Algorithm::Es256, clock.now()).await;
        let certificate_ends = Box::new(|| SystemClock::new().now().plus(60));
        Data::new(Readiness { store, keys: Data::new(keys), clock, certificate_ends, stopping: Arc::default() })
    }

    async fn probe(readiness: &Data<Readiness>, uri: &str) -> (u16, String) {
        let response = readyz(TestRequest::with_uri(uri).to_http_request(), readiness.clone()).await;
        assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
        (response.status().as_u16(), String::from_utf8(to_bytes(response.into_body()).await.unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_server_that_can_serve_is_ready_and_lists_its_checks_on_request() {
        let readiness = ready().await;
        assert_eq!(probe(&readiness, "/readyz").await, (200, "ok".to_owned()));
        insta::assert_snapshot!(probe(&readiness, "/readyz?verbose").await.1, @r"
        [+]store ok
        [+]signing-key ok
        [+]certificate ok
        [+]not-stopping ok
        readyz check passed
        ");
    }

    #[tokio::test]
    async fn a_server_whose_store_is_closed_is_not_ready() {
        let readiness = ready().await;
        readiness.store.close().await.unwrap();
        let (status, text) = probe(&readiness, "/readyz").await;
        assert_eq!(status, 503);
        insta::assert_snapshot!(text, @r"
        [-]store failed
        [+]signing-key ok
        [+]certificate ok
        [+]not-stopping ok
        readyz check failed
        ");
    }

    #[tokio::test]
    async fn a_server_without_a_signing_key_is_not_ready() {
        let mut readiness = Arc::into_inner(ready().await.into_inner()).unwrap();
        readiness.keys = Data::new(Keys::open(Arc::new(MemoryStore::new())).await.unwrap());
        let (status, text) = probe(&Data::new(readiness), "/readyz").await;
        assert_eq!((status, text.contains("[-]signing-key failed\n")), (503, true), "{text}");
    }

    #[tokio::test]
    async fn each_other_check_alone_makes_the_server_unready() {
        type Spoil = fn(&mut Readiness);
        let cases: [(&str, Spoil); 2] = [
            ("certificate", |readiness| readiness.certificate_ends = Box::new(|| SystemClock::new().now())),
            ("not-stopping", |readiness| readiness.stopping = Arc::new(true.into())),
        ];
        for (name, spoil) in cases {
            let mut readiness = Arc::into_inner(ready().await.into_inner()).unwrap();
            spoil(&mut readiness);
            let (status, text) = probe(&Data::new(readiness), "/readyz").await;
            let failed: Vec<_> = text.lines().filter(|line| line.starts_with("[-]")).collect();
            assert_eq!((status, failed), (503, vec![format!("[-]{name} failed").as_str()]));
        }
    }
}
