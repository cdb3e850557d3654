//! Records of a damaged or newer store: each room refuses to open, or leaves them out.

#![no_main]

use std::sync::Arc;

use boomgate::audit::Audit;
use boomgate::clients::Clients;
use boomgate::keys::Keys;
use boomgate::oauth::credentials::ClientId;
use boomgate::limits::Limits;
use boomgate::precondition::Condition;
use boomgate::parking::Parking;
use boomgate::quota::Quota;
use boomgate::revocation::Revocation;
use boomgate::store::{Key, MemoryStore, Store, Txn, Value};
use boomgate::time::{Clock as _, ManualClock, UnixSeconds};
use libfuzzer_sys::fuzz_target;

/// The prefixes of the records. The first byte of each line of the input chooses one.
const PREFIXES: [&str; 14] = [
    "clients/",
    "keys/",
    "revocations/",
    "zones/",
    "zone-numbers/",
    "idempotency/",
    "idempotency-slots/",
    "zone-slots/",
    "zone-owners/",
    "quota/partner/",
    "audit/",
    "audit-head/",
    "secret-uses/",
    "key-changes/",
];

// A line is a record: its prefix, its name up to the first `=`, its value.
fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        for line in data.split(|byte| *byte == b'\n').take(32) {
            let Some((choice, rest)) = line.split_first() else { continue };
            let prefix = PREFIXES[usize::from(*choice) % PREFIXES.len()].as_bytes();
            let equals = rest.iter().position(|byte| *byte == b'=').unwrap_or(rest.len());
            let (name, value) = (&rest[..equals], rest.get(equals + 1..).unwrap_or_default());
            // The store refuses a key or a value that is too long.
            let _ = store.commit(Txn::new().put(Key::new(&[prefix, name].concat()), Value::new(value))).await;
        }
        let clock = Arc::new(ManualClock::new(UnixSeconds::new(1_767_268_800)));
        if let Ok(clients) = Clients::open(store.clone()).await {
            let found = clients.list(None, 100, |_| true);
            assert!(found.clients.iter().all(|client| clients.get(client.client_id.as_str()).is_some()));
        }
        if let Ok(keys) = Keys::open(store.clone()).await {
            let _ = (keys.jwk_set(), keys.signing(clock.now()), keys.list(clock.now()));
        }
        if let Ok(revocation) = Revocation::open(store.clone()).await {
            let _ = revocation.sweep(clock.now()).await;
        }
        if let Ok(parking) = Parking::open(store.clone(), clock.clone()).await {
            let _ = parking.idempotency().sweep(clock.now()).await;
            let _ = parking.forget(&ClientId::parse("partner").expect("an id")).await;
            for zone in parking.list(&boomgate::parking::ListRequest::parse("limit=100").expect("a request")).zones {
                let _ = parking.delete(zone.id(), &Condition::default()).await;
            }
        }
        let limits = Limits { requests_per_second: 1.into(), burst: 1, daily_quota: Some(10), enforce: true };
        let partner = ClientId::parse("partner").expect("an id");
        let quota = Quota::open(store.clone(), clock.clone());
        let _ = quota.days_before(&partner, 90).await;
        let mut admitted = 0;
        for _ in 0..12 {
            admitted += u64::from(quota.spend(&partner, limits).await.is_ok_and(|units| units.admitted));
        }
        assert!(admitted <= 10, "no record gives more than the quota");
        let audit = Audit::new(store.clone());
        if let Ok(page) = audit.oldest(0, 100, |_| true).await {
            assert!(page.lines.len() <= 100);
        }
        let _ = audit.newest(None, 100, |_| true).await;
        let _ = boomgate::audit::traces(&[data.to_vec()]);
    });
});
