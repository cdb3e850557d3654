//! Access tokens: any text, forged tokens near a genuine one, and genuine signatures over any claims.

#![no_main]

use std::sync::{Arc, LazyLock};

use boomgate::clients::Client;
use boomgate::keys::{Algorithm, Keys, SigningKey, Start};
use boomgate::oauth::scope::Scope;
use boomgate::store::{MemoryStore, Outcome, Store};
use boomgate::time::{Clock as _, ManualClock, UnixSeconds};
use boomgate::tokens::Tokens;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const ISSUER: &str = "https://localhost:8443";
const NOW: UnixSeconds = UnixSeconds::new(1_700_000_000);

struct Fixture {
    tokens: Tokens,
    key: Arc<SigningKey>,
    genuine: String,
    /// Keeps the views fed.
    _runtime: tokio::runtime::Runtime,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let clock = Arc::new(ManualClock::new(NOW));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let keys = runtime.block_on(async {
        let keys = Keys::open(store.clone()).await.expect("no keys yet");
        let planned = keys.plan_rotation(Algorithm::EdDsa, Start::Immediately, clock.now()).await.expect("a first key");
        let Outcome::Committed(revision) = store.commit(planned.change).await.expect("a commit") else { panic!() };
        keys.wait_for(revision).await;
        Arc::new(keys)
    });
    let key = keys.signing(clock.now()).expect("a key");
    let tokens = Tokens::new(keys, clock, ISSUER.to_owned());
    let client: Client = serde_json::from_value(json!({
        "client_id": "partner", "client_name": "Partner", "scope": "read:zones", "audience": ["public"],
        "token_ttl": 3600, "limits": { "requests_per_second": 1, "burst": 1, "daily_quota": null, "enforce": true },
        "status": "active", "secrets": [], "created_at": "2021-01-25T15:13:21Z", "updated_at": "2021-01-25T15:13:21Z",
    }))
    .expect("a client");
    let issued = tokens.issue(&client, "public", Scope::parse("read:zones").expect("a scope")).expect("a token");
    tokens.verify(issued.access_token.as_str(), NOW).expect("a genuine token");
    Fixture { tokens, key, genuine: issued.access_token, _runtime: runtime }
});

// The first byte chooses: a token as it is; the genuine one with bytes of it replaced; claims to sign.
fuzz_target!(|data: &[u8]| {
    let fixture = &*FIXTURE;
    let Some((choice, rest)) = data.split_first() else { return };
    match choice % 3 {
        0 => {
            let Ok(token) = std::str::from_utf8(rest) else { return };
            assert!(fixture.tokens.verify(token, NOW).is_err() || token == fixture.genuine, "forged: {token}");
        }
        1 => {
            let mut forged = fixture.genuine.clone().into_bytes();
            for change in rest.chunks_exact(3) {
                let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % forged.len();
                forged[at] = change[2];
            }
            let Ok(forged) = String::from_utf8(forged) else { return };
            assert!(fixture.tokens.verify(forged.as_str(), NOW).is_err() || forged == fixture.genuine, "forged: {forged}");
        }
        _ => {
            let Ok(token) = fixture.key.sign(rest) else { return };
            if let Ok((verified, _)) = fixture.tokens.verify(token.as_str(), NOW) {
                let claims: serde_json::Value = serde_json::from_slice(rest).expect("claims are JSON");
                assert_eq!(claims["iss"], ISSUER);
                assert_eq!(claims["client_id"], verified.client_id.as_str());
                assert_eq!(claims["aud"], verified.audience.as_str());
                assert!(verified.expires_at > NOW);
            }
        }
    }
});
