//! Whether lists are read to their end.
//!
//! The journal has the start of a body alone. Of a longer one, `next_cursor` is cut off; then the size of the body and that of
//! the zones at its start say how many zones it has, and a page that is full has a next one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::api::exam::Evidence;
use crate::api::sandbox::request::Message;
use crate::exam::evidence::count;
use crate::exam::{Examination, Exchange, Finding, Run};

/// The zones of a page, if the request names no `limit`.
const DEFAULT_LIMIT: u64 = 25;
/// What a list has beside its zones, in bytes.
const AROUND_BYTES: u64 = 60;

pub(in crate::exam) fn pagination(examination: &Examination) -> Finding {
    let expected = "a list is read until `next_cursor` is null";
    let Some(run) = examination.baseline() else {
        return Finding::not_exercised(expected, "the scenario was not run");
    };
    let lists = lists(run);
    let long: Vec<_> = lists.values().filter(|list| list.has_next_page()).collect();
    let Some(first) = long.first() else {
        let got = if lists.is_empty() { "no list was read" } else { "no list that was read has a second page" };
        return Finding::not_exercised(expected, got);
    };
    if let Some(list) = long.iter().find(|list| !list.was_read_to_its_end()) {
        let were = if list.pages.len() == 1 { "was" } else { "were" };
        let got = format!("{} of a longer list {were} read, and no further one", count(list.pages.len(), "page"));
        return Finding::fail(expected, got, list.evidence(run));
    }
    let pages = count(first.pages.len(), "page");
    Finding::pass(expected, format!("{} to the end, such as one of {pages}", count(long.len(), "list")), Vec::new())
}

/// The pages of the lists of each filter.
fn lists(run: &Run) -> BTreeMap<Vec<(String, String)>, List<'_>> {
    let mut lists: BTreeMap<_, List<'_>> = BTreeMap::new();
    for exchange in run.conversation.resources().filter(|exchange| is_list(exchange)) {
        let Some(answer) = &exchange.recorded.answer else { continue };
        let query = exchange.recorded.line.query.as_deref().unwrap_or_default();
        let parameters = form_urlencoded::parse(query.as_bytes()).into_owned();
        let (paging, mut filter): (Vec<_>, Vec<_>) =
            parameters.partition(|(name, _)| matches!(name.as_str(), "limit" | "cursor"));
        filter.sort_unstable();
        let limit = paging.iter().find(|(name, _)| name == "limit").and_then(|(_, limit)| limit.parse().ok());
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        lists.entry(filter).or_default().pages.push(Page { exchange, limit, end: end(answer, limit) });
    }
    lists
}

fn is_list(exchange: &Exchange) -> bool {
    let path = exchange.path().trim_end_matches('/');
    exchange.recorded.line.method == "GET"
        && exchange.has_status(200)
        && matches!(path, "/parking/zones" | "/shared/zones")
}

#[derive(Default)]
struct List<'r> {
    pages: Vec<Page<'r>>,
}

struct Page<'r> {
    exchange: &'r Exchange,
    limit: u64,
    end: End,
}

/// Whether a list ends with a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Ends,
    GoesOn,
    Unknown,
}

impl List<'_> {
    /// Whether a page has a next one. Who asks for a single zone wants no more.
    fn has_next_page(&self) -> bool {
        self.pages.iter().any(|page| page.end == End::GoesOn && page.limit > 1)
    }

    fn was_read_to_its_end(&self) -> bool {
        self.pages.iter().any(|page| page.end == End::Ends)
    }

    fn evidence(&self, run: &Run) -> Vec<Evidence> {
        let note = |page: &Page<'_>| match page.end {
            End::GoesOn => "a page with a next one",
            End::Ends => "the last page",
            End::Unknown => "a page",
        };
        self.pages.iter().take(5).map(|page| run.shows_that(page.exchange, note(page))).collect()
    }
}

#[derive(Deserialize)]
struct WholePage {
    #[serde(rename = "data")]
    _data: IgnoredAny,
    next_cursor: Option<String>,
}

fn end(answer: &Message, limit: u64) -> End {
    if !answer.is_complete {
        return End::Unknown;
    }
    if !answer.has_more_body {
        return match serde_json::from_str::<WholePage>(&answer.body) {
            Ok(page) if page.next_cursor.is_some() => End::GoesOn,
            Ok(_) => End::Ends,
            Err(_) => End::Unknown,
        };
    }
    match tenths_of_items(&answer.body, answer.body_bytes) {
        // Zones are not all of the same size.
        Some(tenths) if tenths + 6 >= limit.saturating_mul(10) => End::GoesOn,
        Some(_) => End::Ends,
        None => End::Unknown,
    }
}

/// About how many items the list in a body has, ten times that, by those at its start.
fn tenths_of_items(start: &str, body_bytes: u64) -> Option<u64> {
    let (mut depth, mut in_text, mut is_escaped) = (0_u32, false, false);
    let (mut first, mut last, mut items) = (None, 0_usize, 0_u64);
    for (at, byte) in start.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => {
                depth += 1;
                if depth == 3 && first.is_none() {
                    first = Some(at);
                }
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 2 {
                    items += 1;
                    // With the comma behind it.
                    last = at + 2;
                }
            }
            _ => {}
        }
    }
    let shown = u64::try_from(last.checked_sub(first?)?).ok()?;
    (items * 10 * body_bytes.saturating_sub(AROUND_BYTES)).checked_div(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{self, Fail, NotExercised, Pass};
    use crate::exam::ScenarioId;
    use crate::exam::testing::{Request, examination, get, run, token};

    const LIST: &str = "/parking/zones";
    const LAST: &str = r#"{"data":[{"id":1}],"next_cursor":null}"#;

    fn page(target: &str, cursor: &str) -> Request {
        get(target).answer(&format!(r#"{{"data":[{{"id":1}}],"next_cursor":"{cursor}"}}"#))
    }

    fn judge(requests: Vec<Request>) -> CheckVerdict {
        pagination(&examination([run(ScenarioId::Baseline, requests)])).verdict
    }

    #[test]
    fn a_list_that_is_read_to_its_end_passes_by_any_name_of_it() {
        let pages = vec![
            token("a"),
            page("/v3/parking/zones?operator_id=a", "x"),
            page("/v3/parking/zones?operator_id=a&cursor=x", "y"),
            get("/v3/parking/zones?cursor=y&operator_id=a").answer(LAST),
        ];
        assert_eq!(judge(pages), Pass);
        assert_eq!(judge(vec![page("/shared/zones", "x"), get("/shared/zones?cursor=x").answer(LAST)]), Pass);
    }

    #[test]
    fn a_first_page_alone_fails_and_so_does_a_second_one() {
        let finding = pagination(&examination([run(ScenarioId::Baseline, [page(LIST, "x")])]));
        assert_eq!(
            (finding.verdict, finding.got.as_str()),
            (Fail, "1 page of a longer list was read, and no further one")
        );
        assert_eq!(judge(vec![page(LIST, "x"), page("/parking/zones?cursor=x", "y")]), Fail);
        // The end of another list is not that of this one.
        assert_eq!(judge(vec![page(LIST, "x"), get("/parking/zones?operator_id=a").answer(LAST)]), Fail);
    }

    #[test]
    fn who_asks_for_one_zone_or_gets_all_at_once_shows_nothing() {
        assert_eq!(
            judge(vec![page("/parking/zones?limit=1", "x"), get("/parking/zones?number=7").answer(LAST)]),
            NotExercised
        );
        assert_eq!(judge(vec![get(LIST).answer(LAST)]), NotExercised);
        assert_eq!(judge(vec![token("a"), get("/parking/zones/7")]), NotExercised);
        assert_eq!(
            judge(vec![page(LIST, "x"), get("/parking/zones?limit=100").answer(LAST)]),
            Pass,
            "read again, whole"
        );
    }

    /// A page of so many zones whose body is stored up to 4 KiB.
    fn cut(target: &str, zones: usize, cursor: Option<&str>) -> Request {
        let zone = |place: usize| {
            let name = "n".repeat(340 + place % 17);
            format!(r#"{{"name":"{name}","location":{{"latitude":1}},"text":"a \"}}] b"}}"#)
        };
        let zones: Vec<_> = (0..zones).map(zone).collect();
        let cursor = cursor.map_or("null".to_owned(), |cursor| format!("\"{cursor}\""));
        let body = format!(r#"{{"data":[{}],"next_cursor":{cursor}}}"#, zones.join(","));
        get(target).answer(body.get(..4_096).unwrap_or(&body)).edit(|request| {
            if let Some(answer) = &mut request.answer {
                answer.body_bytes = body.len() as u64;
                answer.has_more_body = body.len() > 4_096;
            }
        })
    }

    #[test]
    fn the_size_of_a_body_says_whether_its_page_is_full() {
        const CURSOR: &str = "Ag-R-HrnrttbMDE5NWExMzEtYzYxNy03NWMzLTk1OGUtZTI2MmI0MWZkYTY5";
        for (limit, zones, cursor, expected) in [
            ("", 25, Some(CURSOR), Fail),
            ("", 16, None, NotExercised),
            ("", 22, None, NotExercised),
            ("?limit=50", 50, Some(CURSOR), Fail),
            ("?limit=100", 66, None, NotExercised),
            ("?limit=12", 12, Some(CURSOR), Fail),
        ] {
            assert_eq!(judge(vec![cut(&format!("{LIST}{limit}"), zones, cursor)]), expected, "{limit} {zones}");
        }
        let pages = vec![
            cut(LIST, 25, Some(CURSOR)),
            cut("/parking/zones?cursor=a", 25, Some(CURSOR)),
            cut("/parking/zones?cursor=b", 16, None),
        ];
        assert_eq!(judge(pages.clone()), Pass);
        assert_eq!(judge(pages.into_iter().take(2).collect()), Fail);
    }

    #[test]
    fn what_cannot_be_read_is_held_against_nobody() {
        assert_eq!(judge(vec![page(LIST, "x").cut_off()]), NotExercised);
        assert_eq!(judge(vec![get(LIST).answer("[withheld]")]), NotExercised);
        assert_eq!(judge(vec![page(LIST, "x").status(206)]), NotExercised);
    }
}
