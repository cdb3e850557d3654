//! The tokens that a client gets in a run: for how long each is good, as the client can know it.

use std::collections::HashMap;

use super::conversation::{Conversation, Exchange, Kind};
use super::granted::{Asked, shown_jti};
use super::thresholds::Thresholds;
use crate::time::UnixMillis;

/// A token that a client got.
#[derive(Clone, Debug)]
pub(crate) struct HeldToken<'c> {
    /// The request that it was granted to.
    pub(crate) request: &'c Exchange,
    /// What it is for.
    pub(crate) asked: Asked,
    /// Its identifier; `None` if the journal does not show it.
    pub(crate) jti: Option<String>,
    /// How long it lives, in seconds, if the answer says so.
    lives_s: Option<u64>,
    /// The first request with it that was answered with 401.
    pub(crate) refused: Option<&'c Exchange>,
    /// When the client itself revoked it.
    revoked_at: Option<UnixMillis>,
}

impl Conversation {
    /// The tokens that the client got, in the order of its requests.
    pub(crate) fn held_tokens(&self) -> Vec<HeldToken<'_>> {
        let mut held: Vec<HeldToken<'_>> = Vec::new();
        let mut places = HashMap::new();
        for exchange in self.all() {
            match exchange.kind {
                Kind::Token => {
                    let Some(granted) = exchange.granted() else { continue };
                    if let Some(jti) = granted.jti.clone() {
                        places.insert(jti, held.len());
                    }
                    held.push(HeldToken {
                        request: exchange,
                        asked: exchange.asked(),
                        jti: granted.jti,
                        lives_s: granted.expires_in,
                        refused: None,
                        revoked_at: None,
                    });
                }
                Kind::Resource if exchange.has_status(401) => {
                    let place = exchange.token().and_then(|jti| places.get(jti));
                    if let Some(token) = place.and_then(|place| held.get_mut(*place)) {
                        token.refused.get_or_insert(exchange);
                    }
                }
                Kind::Other if exchange.path() == "/oauth2/revoke" => {
                    let place = shown_jti(&exchange.recorded.request.body).and_then(|jti| places.get(jti));
                    if let Some(token) = place.and_then(|place| held.get_mut(*place)) {
                        token.revoked_at.get_or_insert(exchange.started_at);
                    }
                }
                Kind::Resource | Kind::Other => {}
            }
        }
        held
    }

    /// The first request with a token of this run that was answered with 401. One that was sent without a token, or with a
    /// made-up one, is a test of the client's own.
    pub(crate) fn first_lost_token(&self) -> Option<&Exchange> {
        let refusals = self.held_tokens().into_iter().filter_map(|token| token.refused);
        refusals.min_by_key(|exchange| (exchange.started_at, exchange.recorded.line.number))
    }
}

impl HeldToken<'_> {
    /// When it expires, by the clock of the client: it counts from the end of the answer.
    pub(crate) fn expires_at(&self) -> Option<UnixMillis> {
        let lives_ms = self.lives_s?.saturating_mul(1_000);
        Some(UnixMillis::new(self.request.ended_at.get().saturating_add(lives_ms)))
    }

    /// How much longer the client can use it when another request for a token comes, in milliseconds; `None` if it cannot,
    /// does not know, or is right to renew it by now.
    pub(crate) fn spare_ms(&self, at: &Exchange, thresholds: &Thresholds) -> Option<u64> {
        let lives_s = self.lives_s?;
        let is_lost = self.refused.is_some_and(|refused| at.came_after(refused))
            || self.revoked_at.is_some_and(|revoked_at| revoked_at <= at.started_at);
        if is_lost || !self.request.ended_before(at) {
            return None;
        }
        let left_ms = self.expires_at()?.get().saturating_sub(at.started_at.get());
        // The clock of a sandbox may have been moved meanwhile.
        let aged_s = at.recorded.line.at.since(self.request.recorded.line.at);
        let left_ms = left_ms.min(lives_s.saturating_sub(aged_s).saturating_mul(1_000));
        (left_ms > thresholds.renewal_margin_ms(lives_s)).then_some(left_ms)
    }
}

impl Thresholds {
    /// How long before its end a token that lives for so many seconds may be renewed, in milliseconds.
    fn renewal_margin_ms(&self, lives_s: u64) -> u64 {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a margin"
        )]
        let part_ms = (lives_s as f64 * self.renewal_margin_part * 1_000.0) as u64;
        part_ms.max(self.renewal_margin_s.saturating_mul(1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exam::testing::{conversation, get, post, token};

    fn spare_s(requests: Vec<crate::exam::testing::Request>) -> Option<u64> {
        let talk = conversation(requests);
        let held = talk.held_tokens();
        held[0].spare_ms(held[1].request, &Thresholds::default()).map(|ms| ms / 1_000)
    }

    #[test]
    fn a_token_is_spare_while_it_lives_and_is_not_lost() {
        let zones = || get("/parking/zones").with("a");
        let first = || token("a").at(0).took(1);
        assert_eq!(spare_s(vec![first(), token("b").at(10_000)]), Some(3_590));
        assert_eq!(spare_s(vec![first(), token("b").at(3_200_000)]), Some(400));
        assert_eq!(spare_s(vec![first(), token("b").at(3_250_000)]), None, "its last tenth");
        assert_eq!(spare_s(vec![first(), token("b").at(3_700_000)]), None, "expired");
        assert_eq!(spare_s(vec![first().took(40), token("b").at(30)]), None, "not known yet");
        assert_eq!(spare_s(vec![first().grants("a", Some(60)), token("b")]), None, "it lives for a minute alone");
        assert_eq!(spare_s(vec![first().grants("a", None), token("b")]), None, "nobody knows how long it lives");
        assert_eq!(spare_s(vec![first(), zones().refused(401, "token-expired"), token("b")]), None, "refused");
        assert_eq!(spare_s(vec![first(), zones().refused(403, "insufficient-scope"), token("b")]), Some(3_599));
        let revoke = post("/oauth2/revoke").body("token=[jti:a]&client_id=demo-writer");
        assert_eq!(spare_s(vec![first(), revoke, token("b")]), None, "revoked by the client");
        let later = token("b").at(10_000).edit(|request| request.line.at = request.line.at.plus(3_600));
        let moved = conversation([first(), later]);
        assert!(moved.held_tokens()[0].request.ended_before(moved.held_tokens()[1].request));
    }

    #[test]
    fn a_401_to_a_request_without_a_token_of_the_run_is_no_lost_token() {
        let refused = || get("/parking/zones").refused(401, "token-malformed");
        let talk = conversation([token("a"), refused(), refused().with("x"), refused().with("a")]);
        assert_eq!(talk.first_lost_token().map(|exchange| exchange.recorded.line.request_id.as_str()), Some("r4"));
    }
}
