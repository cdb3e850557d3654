//! Query strings of the list of zones: filters, limits and cursors, against the sample zones.

#![no_main]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use boomgate::parking::{ListRequest, Parking};
use boomgate::store::{MemoryStore, Store};
use boomgate::time::{ManualClock, UnixSeconds};
use libfuzzer_sys::fuzz_target;

static ZONES: LazyLock<(Parking, tokio::runtime::Runtime)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let parking = runtime.block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(UnixSeconds::new(1_700_000_000)));
        let parking = Parking::open(store, clock).await.expect("no zones yet");
        parking.seed_samples_if_empty().await.expect("sample zones");
        parking
    });
    assert!(parking.count() > 0);
    (parking, runtime)
});

fuzz_target!(|data: &[u8]| {
    let query = String::from_utf8_lossy(data);
    let Ok(mut request) = ListRequest::parse(&query) else { return };
    // All pages: no zone twice, each after the one before.
    let mut seen = BTreeSet::new();
    for _ in 0..=ZONES.0.count() {
        let page = ZONES.0.list(&request);
        assert!(page.zones.len() <= request.limit);
        for zone in &page.zones {
            assert!(seen.last().is_none_or(|last| *last < zone.id()), "{query}");
            seen.insert(zone.id());
        }
        let Some(cursor) = page.next_cursor else { return };
        let mut next = form_urlencoded::Serializer::new(String::new());
        let filters = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "cursor");
        next.extend_pairs(filters).append_pair("cursor", &cursor);
        request = ListRequest::parse(&next.finish()).expect("a cursor of this list");
    }
    panic!("a list without an end: {query}");
});
