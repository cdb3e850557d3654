//! Bodies that create or replace a zone, and the headers that come with them.

#![no_main]

use boomgate::idempotency::IdempotencyKey;
use boomgate::json::Document;
use boomgate::precondition::{Condition, EntityTag, Tags};
use boomgate::parking::{Zone, ZoneFields};
use boomgate::time::UnixSeconds;
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

fuzz_target!(|data: &[u8]| {
    // As the values of headers.
    let _ = IdempotencyKey::parse(data);
    let current = EntityTag::of(data);
    let condition = Condition { if_match: Some(Tags::parse(&[data])), if_none_match: None };
    assert!(
        !condition.allows_write(&current) || data.trim_ascii() == b"*" || data.len() >= current.as_bytes().len(),
        "no tag matches"
    );
    let exact = Condition { if_match: Some(Tags::parse(&[current.as_bytes()])), if_none_match: None };
    assert!(exact.allows_write(&current), "the tag of the answer matches");

    // As a body.
    let Ok(body) = Document::parse(data) else { return };
    let fields = match ZoneFields::parse_new(&body) {
        Ok(fields) => fields,
        Err(faults) => {
            assert!((1..=32).contains(&faults.len()));
            return;
        }
    };
    // A zone as shown can be sent back, and is the same zone.
    let moment = UnixSeconds::new(1_700_000_000);
    let zone = Zone { id: Uuid::nil(), fields, created_at: moment, updated_at: moment };
    let shown = serde_json::to_vec(&zone).expect("JSON");
    let sent_back = Document::parse(&shown).expect("JSON of ours");
    assert_eq!(ZoneFields::parse_replacement(&sent_back, &zone).expect("a zone of ours"), zone.fields);
    let stored: Zone = serde_json::from_slice(&shown).expect("a record of ours");
    assert_eq!(stored, zone);
});
