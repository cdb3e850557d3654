//! The section `[thresholds]`: the name, the range and the meaning of each number.

use std::ops::RangeInclusive;

use toml::de::DeValue;

use super::document::{Document, Member, Table};
use crate::exam::thresholds::Thresholds;

/// A number of [`Thresholds`].
pub(super) enum Number<'n> {
    /// A part of a whole, such as 0.25.
    Part(&'n mut f64),
    Count(&'n mut usize, RangeInclusive<usize>),
    Span(&'n mut u64, RangeInclusive<u64>),
}

/// A line of the section.
pub(super) struct Row<'n> {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) number: Number<'n>,
}

/// Every number, in the order of the file. A new one does not compile until it is here.
pub(super) fn rows(thresholds: &mut Thresholds) -> Vec<Row<'_>> {
    let Thresholds {
        needless_tokens_per_request,
        renewal_margin_s,
        renewal_margin_part,
        renewed_ahead_ms,
        tries_on_401,
        tries_with_refused_secret,
        retry_after_early_ms,
        retry_after_date_early_ms,
        storm_tries,
        refused_part_after_429,
        least_requests_after_429,
        tries_in_an_outage,
        longest_timeout_s,
    } = thresholds;
    let row = |name, meaning, number| Row { name, meaning, number };
    vec![
        row(
            "needless_tokens_per_request",
            "The most token requests for each resource request while a token lives.",
            Number::Part(needless_tokens_per_request),
        ),
        row(
            "renewal_margin_s",
            "A token that ends within so many seconds may be renewed,",
            Number::Span(renewal_margin_s, 0..=86_400),
        ),
        row("renewal_margin_part", "or within this part of its life.", Number::Part(renewal_margin_part)),
        row(
            "renewed_ahead_ms",
            "How long before its end a token must not be in use any more, in ms.",
            Number::Span(renewed_ahead_ms, 0..=10_000),
        ),
        row(
            "tries_on_401",
            "The most tries of a request whose tokens are all refused.",
            Number::Count(tries_on_401, 1..=100),
        ),
        row(
            "tries_with_refused_secret",
            "The most token requests with a secret that is refused.",
            Number::Count(tries_with_refused_secret, 1..=100),
        ),
        row(
            "retry_after_early_ms",
            "How much too early a request may come after Retry-After in seconds, in ms,",
            Number::Span(retry_after_early_ms, 0..=10_000),
        ),
        row(
            "retry_after_date_early_ms",
            "and after Retry-After as a date, which has whole seconds.",
            Number::Span(retry_after_date_early_ms, 0..=10_000),
        ),
        row(
            "storm_tries",
            "The most tries of a request that is throttled, beside one after each Retry-After.",
            Number::Count(storm_tries, 1..=1_000),
        ),
        row(
            "refused_part_after_429",
            "The largest part of the requests after the first 429 that may be refused.",
            Number::Part(refused_part_after_429),
        ),
        row(
            "least_requests_after_429",
            "The fewest requests after the first 429 that say something about the pace.",
            Number::Count(least_requests_after_429, 1..=1_000),
        ),
        row(
            "tries_in_an_outage",
            "The most tries of one request in an outage, the first one included.",
            Number::Count(tries_in_an_outage, 1..=1_000),
        ),
        row(
            "longest_timeout_s",
            "The longest that a client may wait for an answer, in seconds.",
            Number::Span(longest_timeout_s, 1..=60),
        ),
    ]
}

/// Reads the section.
pub(super) fn read(mut table: Table<'_, '_>, thresholds: &mut Thresholds, document: &mut Document) {
    let mut known = Vec::new();
    for row in rows(thresholds) {
        known.push(row.name);
        if let Some(member) = table.take(row.name) {
            read_number(&member, row.number, document);
        }
    }
    table.finish(&known, document);
}

fn read_number(member: &Member<'_, '_>, number: Number<'_>, document: &mut Document) {
    let expected = match number {
        Number::Part(part) => match decimal(member.value).filter(|given| (0.0..=1.0).contains(given)) {
            Some(given) => return *part = given,
            None => "a number from 0 to 1".to_owned(),
        },
        Number::Count(count, range) => {
            match whole(member.value)
                .and_then(|given| usize::try_from(given).ok())
                .filter(|given| range.contains(given))
            {
                Some(given) => return *count = given,
                None => format!("a whole number from {} to {}", range.start(), range.end()),
            }
        }
        Number::Span(span, range) => match whole(member.value).filter(|given| range.contains(given)) {
            Some(given) => return *span = given,
            None => format!("a whole number from {} to {}", range.start(), range.end()),
        },
    };
    document.fault(member.start, member.place.as_str(), format!("must be {expected}"));
}

fn whole(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn decimal(value: &DeValue<'_>) -> Option<f64> {
    match value.as_float() {
        Some(float) => float.as_str().parse().ok(),
        None => whole(value).and_then(|number| u32::try_from(number).ok()).map(f64::from),
    }
}
