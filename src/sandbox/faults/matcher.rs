//! Whether a request is one of those that a rule, or a search of the journal, is for.

use super::area::{Area, segments};
use crate::api::sandbox::fault::RequestMatch;

/// What a matcher looks at.
pub(crate) struct RequestFacts<'r> {
    client: Option<&'r str>,
    method: &'r str,
    path: Vec<&'r str>,
    asks_for_administration: bool,
    has_header: &'r dyn Fn(&str) -> bool,
}

impl<'r> RequestFacts<'r> {
    /// A request of `client`, if one is named by its token or its credentials. `path` is as it was sent, without the
    /// query; `has_header` is asked with a name in lower case.
    pub(crate) fn new(
        client: Option<&'r str>,
        method: &'r str,
        path: &'r str,
        has_header: &'r dyn Fn(&str) -> bool,
    ) -> Self {
        Self { client, method, path: segments(path), asks_for_administration: false, has_header }
    }

    /// The same, of a request whose body may name the administration as the target of the token that it asks for.
    pub(crate) fn asking_for_administration(self, asks_for_administration: bool) -> Self {
        Self { asks_for_administration, ..self }
    }

    /// The part of the server that it goes to; `None` if no fault may disturb it.
    pub(crate) fn area(&self) -> Option<Area> {
        let area = Area::of(&self.path)?;
        let is_admin_token = area == Area::Credentials && self.asks_for_administration;
        Some(if is_admin_token { Area::AdminToken } else { area })
    }
}

/// A [`RequestMatch`], ready to be asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matcher {
    written: RequestMatch,
    path: Option<PathPattern>,
}

impl Matcher {
    pub(crate) fn new(written: RequestMatch) -> Self {
        let path = written.path.as_deref().map(PathPattern::new);
        Self { written, path }
    }

    /// Whether the request fits, whatever its number is.
    pub(crate) fn fits(&self, request: &RequestFacts<'_>) -> bool {
        let RequestMatch { client, phase, method, unless_header, .. } = &self.written;
        client.as_deref().is_none_or(|client| request.client == Some(client))
            && phase.is_none_or(|phase| request.area().is_some_and(|area| area.phase() == phase))
            && method.as_deref().is_none_or(|method| request.method == method)
            && self.path.as_ref().is_none_or(|path| path.fits(&request.path))
            && unless_header.as_deref().is_none_or(|name| !(request.has_header)(name))
    }

    /// Whether it is for the n-th of the requests that fit, from 1.
    pub(crate) fn includes(&self, number: u64) -> bool {
        self.written.requests.is_none_or(|range| range.contains(number))
    }

    /// Whether it is for none of the requests that are still to come, once so many fitted.
    pub(super) fn is_over_after(&self, count: u64) -> bool {
        self.written.requests.is_some_and(|range| range.is_over_before(count.saturating_add(1)))
    }

    /// Whether it names a path.
    pub(super) fn has_path(&self) -> bool {
        self.path.is_some()
    }

    /// Whether it names a client.
    pub(super) fn has_client(&self) -> bool {
        self.written.client.is_some()
    }
}

/// The stand-in for one segment, and the one for all segments from here.
const ONE: &str = "*";
const REST: &str = "**";

/// A path in which `*` or `{name}` stands for one segment, and `**` at the end for one or more.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PathPattern(Vec<String>);

impl PathPattern {
    pub(super) fn new(text: &str) -> Self {
        let is_variable = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
        let to_stand_in = |segment: &str| if is_variable(segment) { ONE.to_owned() } else { segment.to_owned() };
        Self(segments(text).into_iter().map(to_stand_in).collect())
    }

    /// Whether some request that a fault may disturb can have such a path.
    pub(super) fn can_be_disturbed(&self) -> bool {
        match self.names().as_slice() {
            ["", "parking" | "admin", ..] | ["", "shared" | "oauth2", ONE | REST] => true,
            names => Area::of(names).is_some(),
        }
    }

    /// The area of every path that it fits, if that is one.
    pub(super) fn area(&self) -> Option<Area> {
        Area::of(&self.names())
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    fn fits(&self, path: &[&str]) -> bool {
        let is_same =
            |(pattern, segment): (&String, &&str)| pattern == segment || (pattern == ONE && !segment.is_empty());
        match self.0.split_last() {
            Some((last, start)) if last == REST => path.len() > start.len() && start.iter().zip(path).all(is_same),
            _ => self.0.len() == path.len() && self.0.iter().zip(path).all(is_same),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::sandbox::fault::Phase;

    fn fits(matching: RequestMatch, request: (Option<&str>, &str, &str)) -> bool {
        let (client, method, path) = request;
        let has_header = |name: &str| name == "idempotency-key";
        Matcher::new(matching).fits(&RequestFacts::new(client, method, path, &has_header))
    }

    #[test]
    fn each_member_narrows_what_fits() {
        let all = RequestMatch::default;
        let some = |text: &str| Some(text.to_owned());
        let request = (Some("demo-writer"), "POST", "/parking/zones");
        for (matching, expected) in [
            (all(), true),
            (RequestMatch { client: some("demo-writer"), ..all() }, true),
            (RequestMatch { client: some("demo-reader"), ..all() }, false),
            (RequestMatch { phase: Some(Phase::Resource), ..all() }, true),
            (RequestMatch { phase: Some(Phase::Token), ..all() }, false),
            (RequestMatch { method: some("POST"), ..all() }, true),
            (RequestMatch { method: some("GET"), ..all() }, false),
            (RequestMatch { path: some("/shared/zones"), ..all() }, true),
            (RequestMatch { path: some("/parking/zones/*"), ..all() }, false),
            (RequestMatch { unless_header: some("idempotency-key"), ..all() }, false),
            (RequestMatch { unless_header: some("if-match"), ..all() }, true),
        ] {
            assert_eq!(fits(matching.clone(), request), expected, "{matching:?}");
        }
        let of_client = RequestMatch { client: some("demo-writer"), ..all() };
        assert!(!fits(of_client, (None, "POST", "/parking/zones")), "nobody knows whose it is");
        let in_phase = RequestMatch { phase: Some(Phase::Resource), ..all() };
        assert!(!fits(in_phase, (None, "GET", "/livez")), "a probe is in no phase");
    }

    #[test]
    fn a_path_may_have_stand_ins() {
        for (pattern, path, expected) in [
            ("/parking/zones", "/parking/zones", true),
            ("/parking/zones", "/v3/shared/zones", true),
            ("/v3/shared/zones", "/parking/zones", true),
            ("/parking/zones", "/parking/zones/", false),
            ("/parking/zones", "/parking/zones/1", false),
            ("/parking/zones/*", "/parking/zones/1", true),
            ("/parking/zones/{id}", "/shared/zones/1", true),
            ("/parking/zones/*", "/parking/zones", false),
            ("/parking/zones/*", "/parking/zones/", false),
            ("/parking/zones/*", "/parking/zones/1/2", false),
            ("/parking/**", "/parking/zones/1", true),
            ("/parking/**", "/parking/zones", true),
            ("/parking/**", "/parking", false),
            ("/admin/*/*/usage", "/admin/clients/a/usage", true),
            ("/Parking/zones", "/parking/zones", false),
        ] {
            let matching = RequestMatch { path: Some(pattern.to_owned()), ..RequestMatch::default() };
            assert_eq!(fits(matching, (None, "GET", path)), expected, "{pattern} and {path}");
        }
    }
}
