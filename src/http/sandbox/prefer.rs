//! `Prefer` on a request to a sandbox: what the request asks to happen to itself.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::vocabulary::is_injectable;
use crate::api::sandbox::fault::{Effect, InjectedAnswer, Phase};
use crate::http::error::{ProblemKind, kind_of_status};
use crate::sandbox::faults::{Area, Firing, Preference};

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Says in the answer which preference was followed (RFC 7240 section 3).
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// A preference that is followed.
pub(super) struct Preferred {
    /// What happens to the request.
    pub(super) firing: Firing,
    /// `Preference-Applied`.
    pub(super) applied: HeaderValue,
}

/// What a request to this path prefers, if faults may disturb it at all. A status of this gate gives the answer that the gate
/// has for it, any other one an answer as a proxy sends it.
pub(super) fn preferred(path: &str, headers: &HeaderMap) -> Option<Preferred> {
    if !headers.contains_key(PREFER) {
        return None;
    }
    let phase = Area::of_path(path)?.phase();
    let fields = headers.get_all(PREFER).map(HeaderValue::as_bytes);
    let preference = Preference::parse(fields, |name| kind_named(name, phase).is_some())?;
    let answer = match &preference {
        Preference::Code(status) => match kind_of_status(*status, phase) {
            Some(kind) => InjectedAnswer::Problem(kind.slug().into()),
            None => InjectedAnswer::Status(*status),
        },
        Preference::Problem(name) => InjectedAnswer::Problem(kind_named(name, phase)?.slug().into()),
    };
    let effect = Effect { answer: Some(answer), ..Effect::default() };
    let applied = HeaderValue::try_from(preference.to_string()).ok()?;
    Some(Preferred { firing: Firing::preferred(effect), applied })
}

/// The kind of problem with this name that a request of this phase can have.
pub(super) fn kind_named(name: &str, phase: Phase) -> Option<ProblemKind> {
    ProblemKind::ALL.into_iter().find(|kind| kind.slug() == name && is_injectable(*kind, phase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_is_followed_on_the_terms_of_the_endpoint() {
        let asked = |path: &str, value: &'static str| {
            let headers = HeaderMap::from_iter([(PREFER, HeaderValue::from_static(value))]);
            let Preferred { firing, applied } = preferred(path, &headers)?;
            Some((firing.effect.answer.clone().unwrap(), applied.to_str().unwrap().to_owned()))
        };
        let problem = |name: &'static str| InjectedAnswer::Problem(name.into());
        let followed = |answer, applied: &str| Some((answer, applied.to_owned()));
        assert_eq!(asked("/parking/zones", "code=429"), followed(problem("throttled"), "code=429"));
        let of_tokens = followed(problem("too-many-token-requests"), "code=429");
        assert_eq!(asked("/oauth2/token", "code=429"), of_tokens);
        assert_eq!(asked("/v3/shared/zones", "code=502"), followed(InjectedAnswer::Status(502), "code=502"));
        let revoked = followed(problem("token-revoked"), "problem=token-revoked");
        assert_eq!(asked("/parking/zones/1", "wait=1, problem=\"token-revoked\""), revoked);
        for (path, value) in [
            ("/oauth2/token", "problem=token-revoked"),
            ("/parking/zones", "problem=https-required"),
            ("/parking/zones", "return=minimal"),
            ("/sandbox/faults", "code=503"),
            ("/livez", "code=503"),
        ] {
            assert_eq!(asked(path, value), None, "{value} at {path}");
        }
    }
}
