//! One rule with its numbers.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::area::Area;
use super::draw::Draws;
use super::firing::Firing;
use super::matcher::{Matcher, RequestFacts};
use crate::api::sandbox::fault::{
    Delay, Delivery, Effect, Fault, FaultRule, InjectedAnswer, LogNormal, Variation, Word as _,
};
use crate::counts::label;
use crate::time::Span;

label! {
    /// What disturbs a request, as the metrics name it: the part of an effect that a client sees most.
    pub enum EffectKind {
        /// A problem in place of the answer.
        Problem = "problem",
        /// A foreign answer.
        Status = "status",
        /// Another body.
        Body = "body",
        /// A lawful but unusual form.
        Variation = "variation",
        /// The body in pieces.
        Dribble = "dribble",
        /// A slow connection.
        Bandwidth = "bandwidth",
        /// A body that is cut off.
        TruncateAfter = "truncate_after",
        /// The end of the connection.
        Close = "close",
        /// No answer.
        Timeout = "timeout",
        /// A delay alone.
        Delay = "delay",
    }
}

impl EffectKind {
    pub(super) fn of(effect: &Effect) -> Self {
        let of_delivery = |delivery| match delivery {
            Delivery::Dribble(_) => Self::Dribble,
            Delivery::Bandwidth(_) => Self::Bandwidth,
            Delivery::TruncateAfter(_) => Self::TruncateAfter,
            Delivery::Close(_) => Self::Close,
            Delivery::Timeout(_) => Self::Timeout,
        };
        let of_answer = |answer: &InjectedAnswer| match answer {
            InjectedAnswer::Problem(_) => Self::Problem,
            InjectedAnswer::Status(_) => Self::Status,
        };
        // A client does not see an answer that does not arrive.
        let delivery = effect.delivery.map(of_delivery);
        let answer = effect.answer.as_ref().map(of_answer);
        let body = effect.body.map(|_| Self::Body);
        let variation = effect.variation.map(|_| Self::Variation);
        delivery.or(answer).or(body).or(variation).unwrap_or(Self::Delay)
    }
}

impl Firing {
    /// What disturbs the request.
    pub(crate) fn kind(&self) -> EffectKind {
        EffectKind::of(&self.effect)
    }
}

/// A rule with its numbers.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    name: Arc<str>,
    matcher: Matcher,
    probability: f64,
    seed: u64,
    effect: Arc<Effect>,
    /// As it was written, with its name, and with its seed if chance has a part in it.
    written: FaultRule,
    /// When `for` is over, by the monotonic clock.
    ends_at: Option<Duration>,
    /// How many requests fitted.
    matched: u64,
    fired: u64,
}

/// A rule as it was at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SavedRule {
    written: FaultRule,
    seed: u64,
    matched: u64,
    fired: u64,
    /// What is left of `for`.
    left: Option<Duration>,
}

impl Rule {
    /// A rule that is in force from `now`. `seed` is for a rule that names none.
    pub(super) fn new(mut written: FaultRule, seed: u64, now: Duration) -> Self {
        let seed = written.seed.unwrap_or(seed);
        if has_chance(&written) {
            written.seed = Some(seed);
        }
        Self {
            name: written.name.as_deref().unwrap_or_default().into(),
            matcher: Matcher::new(written.matching.clone()),
            probability: written.probability.unwrap_or(1.0),
            seed,
            effect: Arc::new(written.effect.clone()),
            ends_at: written.lasts.map(|lasts| now + lasts.as_duration()),
            written,
            matched: 0,
            fired: 0,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it can still fire.
    pub(super) fn is_active(&self, now: Duration) -> bool {
        let has_times = self.written.times.is_none_or(|times| self.fired < times);
        has_times && self.remaining(now) != Some(Duration::ZERO) && !self.matcher.is_over_after(self.matched)
    }

    /// How long until `for` is over.
    fn remaining(&self, now: Duration) -> Option<Duration> {
        Some(self.ends_at?.saturating_sub(now))
    }

    /// Counts a request of this area if it fits, and fires if `may_fire`, and its number, and chance allow it.
    pub(super) fn count(&mut self, request: &RequestFacts<'_>, area: Area, may_fire: bool) -> Option<Firing> {
        let is_meant = match area {
            Area::Administration => self.matcher.has_path(),
            Area::AdminToken => self.matcher.has_client(),
            Area::Credentials | Area::Partner => true,
        };
        if !is_meant || !self.matcher.fits(request) {
            return None;
        }
        self.matched += 1;
        let draws = Draws::new(self.seed, self.matched);
        if !may_fire || !self.matcher.includes(self.matched) || !draws.happens(self.probability) {
            return None;
        }
        self.fired += 1;
        let delay = self.effect.delay.map(|delay| drawn(delay, draws));
        Some(Firing { name: self.name.clone(), effect: self.effect.clone(), delay })
    }

    /// The same rule, written in another way. Its numbers go on.
    pub(super) fn change(&mut self, mut written: FaultRule, now: Duration) {
        let is_as_long = written.lasts == self.written.lasts;
        let ends_at = if is_as_long { self.ends_at } else { written.lasts.map(|lasts| now + lasts.as_duration()) };
        written.name = self.written.name.take();
        let (matched, fired) = (self.matched, self.fired);
        *self = Self { ends_at, matched, fired, ..Self::new(written, self.seed, now) };
    }

    /// The rule apart from the clock.
    pub(super) fn save(&self, now: Duration) -> SavedRule {
        let Self { written, seed, matched, fired, .. } = self;
        SavedRule { written: written.clone(), seed: *seed, matched: *matched, fired: *fired, left: self.remaining(now) }
    }

    /// The rule that was saved, which has as much of its `for` left at `now`.
    pub(super) fn restored(saved: SavedRule, now: Duration) -> Self {
        let SavedRule { written, seed, matched, fired, left } = saved;
        let ends_at = left.map(|left| now.saturating_add(left));
        Self { ends_at, matched, fired, ..Self::new(written, seed, now) }
    }

    pub(super) fn shown(&self, now: Duration) -> Fault {
        Fault {
            rule: self.written.clone(),
            active: self.is_active(now),
            matched: self.matched,
            fired: self.fired,
            ends_in: self.remaining(now).map(Span::from),
            notes: notes(&self.effect),
        }
    }
}

/// Whether another seed can make a difference.
fn has_chance(rule: &FaultRule) -> bool {
    let has_probability = rule.probability.is_some_and(|probability| probability < 1.0);
    has_probability || rule.effect.delay.is_some_and(|delay| !matches!(delay, Delay::Fixed(_)))
}

/// One value of a distribution.
fn drawn(delay: Delay, draws: Draws) -> Duration {
    match delay {
        Delay::Fixed(span) => span.as_duration(),
        Delay::Uniform { uniform: [shortest, longest] } => {
            let spread = longest.as_duration().saturating_sub(shortest.as_duration());
            shortest.as_duration() + spread.mul_f64(draws.fraction())
        }
        Delay::LogNormal { log_normal: LogNormal { median, sigma, cap } } => {
            let seconds = median.as_duration().as_secs_f64() * (sigma * draws.normal()).exp();
            let cap = cap.as_duration();
            if seconds < cap.as_secs_f64() { Duration::from_secs_f64(seconds) } else { cap }
        }
    }
}

/// What a person must know to see such an effect.
fn notes(effect: &Effect) -> Vec<Cow<'static, str>> {
    let mut notes = Vec::new();
    if let Some(Delivery::Close(close)) = effect.delivery
        && close.needs_http2()
    {
        let name = close.name();
        notes.push(format!("{name} needs HTTP/2: over HTTP/1.1 the connection is closed before the headers").into());
    }
    let of_variation = match effect.variation {
        Some(Variation::LowercaseFields) => "this server always sends lower-case names: title-case-fields shows others",
        Some(Variation::TitleCaseFields) => "HTTP/2 has lower-case field names alone: use HTTP/1.1 to see a change",
        Some(Variation::ChunkedBody) => "HTTP/2 has no chunks: there the body comes without content-length",
        Some(Variation::RetryAfterDate) if effect.answer.is_none() => {
            "changes only answers that have Retry-After, such as a 429: name a problem as well to get one"
        }
        _ => return notes,
    };
    notes.push(of_variation.into());
    notes
}
