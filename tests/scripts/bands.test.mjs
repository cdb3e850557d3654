// The time bands: the axis, what is true at a moment, and where the handle goes.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { quotaPath, throttlePath } from '../js/bands/curves.js';
import { point } from '../js/bands/points.js';
import { FUTURE_MS, between, scale, ticks } from '../js/bands/scale.js';
import { meant, stepped } from '../js/bands/steps.js';
import { changes, consequences, keyAt, quotaAt, secretWorksAt, summary, throttleAt, tokenAt } from '../js/bands/truth.js';
import { expiryOf, wish } from '../js/bands/wish.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.parse('2026-11-28T14:00:00Z');
const MIDNIGHT = Date.parse('2026-11-29T00:00:00Z');

const axis = scale({ now: NOW, left: 100, right: 900 });

/** A request that left so many at once and so many of the day. */
const spent = (at, second, day) => ({
  at,
  second: { limit: 2, before: second + 1, after: second },
  day: { limit: 20, before: day + 1, after: day },
});

function factsOf({ points = [], tokens = [], secrets = [], keys = [], ...others } = {}) {
  return { points, units: points.filter(({ day }) => day), tokens, secrets, keys, throttle: { burst: 2, rate: 2 }, quota: 20, ...others };
}

test('the axis gives each moment a place, and each place a moment', () => {
  for (const away of [-2 * DAY, -HOUR, -1, 0, 1, 10 * SECOND, MINUTE, 10 * HOUR, 30 * DAY]) {
    assert.ok(Math.abs(axis.at(axis.x(NOW + away)) - (NOW + away)) < 1, `${away} ms from now`);
  }
});

test('a second beside now is wider than an hour a month away', () => {
  const second = axis.x(NOW + SECOND) - axis.x(NOW);
  const hour = axis.x(NOW + 30 * DAY + HOUR) - axis.x(NOW + 30 * DAY);
  assert.ok(second > 50 * hour, `${second} and ${hour}`);
});

test('what is beyond the axis is at its ends', () => {
  assert.equal(axis.x(NOW - 365 * DAY), 100);
  assert.equal(axis.x(NOW + 365 * DAY), 900);
  assert.ok(axis.at(5_000) <= NOW + FUTURE_MS + 1);
});

test('no two labels of the axis are on top of each other, however narrow it is', () => {
  for (const right of [280, 380, 700, 1200]) {
    const places = ticks(scale({ now: NOW, left: 4, right })).map(({ x }) => x).sort((one, other) => one - other);
    assert.ok(places.length >= 2, `${right} px`);
    places.slice(1).forEach((x, index) => assert.ok(x - places[index] >= 40, `${right} px: ${places}`));
  }
});

test('a jump ends where the clock is, and never goes back on its way', () => {
  const moments = [0, 0.2, 0.5, 0.8, 1].map((part) => between(NOW, MIDNIGHT, part));
  assert.equal(Math.round(moments[0]), NOW);
  assert.equal(moments.at(-1), MIDNIGHT);
  assert.deepEqual(moments, [...moments].sort((one, other) => one - other));
});

test('the throttle refills to its burst and no further', () => {
  const facts = factsOf({ points: [spent(NOW, 0, 10)] });
  assert.equal(throttleAt(facts, NOW), 0);
  assert.equal(throttleAt(facts, NOW + 500), 1);
  assert.equal(throttleAt(facts, NOW + HOUR), 2);
  assert.equal(throttleAt(facts, NOW - HOUR), 2, 'before the first request');
  assert.equal(throttleAt({ ...facts, throttle: undefined }, NOW), undefined);
});

test('the quota is what the last request left of the day, and whole on the next', () => {
  const facts = factsOf({ points: [spent(NOW, 1, 12)] });
  assert.equal(quotaAt(facts, NOW), 12);
  assert.equal(quotaAt(facts, MIDNIGHT - 1), 12);
  assert.equal(quotaAt(facts, MIDNIGHT), 20);
  assert.equal(quotaAt(facts, NOW - HOUR), 13, 'the day before the first request that is known');
  assert.equal(quotaAt(factsOf({ quota: null }), NOW), undefined);
});

test('a token expires at its expiry, unless it was revoked before', () => {
  const token = { until: NOW + HOUR };
  assert.equal(tokenAt(token, NOW + HOUR - 1), 'alive');
  assert.equal(tokenAt(token, NOW + HOUR), 'expired');
  assert.equal(tokenAt({ ...token, revokedAt: NOW }, NOW), 'revoked');
  assert.equal(tokenAt({ ...token, revokedAt: NOW }, NOW - 1), 'alive');
});

test('a secret works until its end, and one without an end works on', () => {
  assert.ok(secretWorksAt({ from: NOW, until: undefined }, NOW + 365 * DAY));
  assert.ok(!secretWorksAt({ from: NOW, until: NOW + DAY }, NOW + DAY));
  assert.ok(!secretWorksAt({ from: NOW }, NOW - 1));
});

test('a key waits, signs, verifies and is gone', () => {
  const key = { from: NOW, signsUntil: NOW + DAY, until: NOW + 2 * DAY };
  const states = [-1, 0, DAY, 2 * DAY].map((away) => keyAt(key, NOW + away));
  assert.deepEqual(states, ['next', 'signing', 'verifying', 'gone']);
});

test('past midnight the token is dead, the quota is whole and the old secret is gone', () => {
  const facts = factsOf({
    points: [spent(NOW, 1, 0)],
    tokens: [{ jti: 'a', from: NOW, until: NOW + HOUR }],
    secrets: [{ from: NOW, until: MIDNIGHT }, { from: NOW, until: undefined }],
    keys: [{ kid: 'abcdefgh', from: NOW, signsUntil: MIDNIGHT, until: MIDNIGHT + DAY }],
  });
  const texts = consequences(facts, NOW, MIDNIGHT).map(({ text }) => text);
  assert.deepEqual(texts, [
    'The token has expired: a request with it gets 401.',
    'The throttle has refilled: 2 may come at once.',
    'A new day has begun, and the quota is whole again: 20 requests.',
    'The old secret works no more.',
    'The key abcdef… verifies, and signs no more.',
  ]);
  assert.deepEqual(summary('quota', facts, NOW), { text: '0 of 20 left', tone: 'bad' });
  assert.deepEqual(summary('quota', facts, MIDNIGHT), { text: '20 of 20 left', tone: 'ok' });
});

test('nothing that is over counts as a change to come', () => {
  const facts = factsOf({ tokens: [{ jti: 'a', from: NOW - HOUR, until: NOW }], rotatesAt: NOW + DAY });
  assert.deepEqual(changes(facts, NOW).map(({ what }) => what), ['midnight', 'key']);
});

test('a hand near midnight means midnight, and between events a whole minute', () => {
  const facts = factsOf();
  assert.equal(meant({ axis, facts }, axis.x(MIDNIGHT) + 5), MIDNIGHT);
  assert.equal(meant({ axis, facts }, axis.x(NOW + 4 * HOUR)) % MINUTE, 0);
});

test('keys move the handle forward by minutes and hours, never before now', () => {
  assert.equal(stepped('ArrowRight', NOW, NOW), NOW + MINUTE);
  assert.equal(stepped('PageUp', NOW, NOW + MINUTE), NOW + MINUTE + HOUR);
  assert.equal(stepped('ArrowLeft', NOW, NOW), NOW);
  assert.equal(stepped('End', NOW, NOW), MIDNIGHT);
  assert.equal(stepped('End', NOW, MIDNIGHT), MIDNIGHT + DAY);
  assert.equal(stepped('Home', NOW, MIDNIGHT), NOW);
  assert.equal(stepped('a', NOW, NOW), undefined);
});

test('a wish is a span, a moment, midnight or the expiry of the token', () => {
  const facts = { now: NOW, expiry: NOW + HOUR };
  assert.deepEqual(wish('15m', facts), { by: '15m' });
  assert.deepEqual(wish(' 1 h 30 min ', facts), { by: '1h30m' });
  assert.deepEqual(wish('past midnight', facts), { to: MIDNIGHT });
  assert.deepEqual(wish("to the token's expiry", facts), { to: NOW + HOUR });
  assert.deepEqual(wish('2026-12-01T00:00:00Z', facts), { to: Date.parse('2026-12-01T00:00:00Z') });
  assert.match(wish('soon', facts).why, /Write a span/);
  assert.match(wish("to the token's expiry", { now: NOW }).why, /get one first/);
});

test('the expiry is that of a token that lives', () => {
  const tokens = [{ until: NOW + HOUR }, { until: NOW + 2 * HOUR, revokedAt: NOW }, { until: NOW - 1 }];
  assert.equal(expiryOf({ tokens }, NOW), NOW + HOUR);
  assert.equal(expiryOf({ tokens: [] }, NOW), undefined);
});

test('a request of the journal tells of its token and of what it spent', () => {
  const request = {
    number: 7, request_id: 'r', at: '2026-11-28T14:00:00Z', real_at: '2026-11-28T10:00:00.250Z', method: 'POST',
    path: '/oauth2/token', status: 200, reason: null, fault: null, limits: null, request: { fields: [] },
    answer: { body: '{"access_token":"[jti:abc]","expires_in":3600}' },
  };
  const got = point(request);
  assert.equal(got.at, NOW + 250);
  assert.deepEqual(got.issued, { jti: 'abc', lives: HOUR });
  assert.equal(got.kind, 'passed');
  const used = point({
    ...request,
    path: '/parking/zones',
    status: 429,
    reason: 'throttled',
    request: { fields: [{ name: 'authorization', value: 'Bearer [jti:abc]' }] },
  });
  assert.deepEqual([used.jti, used.issued, used.kind], ['abc', undefined, 'limited']);
  assert.match(used.label, /^POST \/parking\/zones: 429 throttled, 28 Nov 2026/);
});

test('a request that seems a moment early comes after the one before, and one of a restored clock begins anew', () => {
  const at = (text) => ({
    number: 1, request_id: 'r', at: text, real_at: '2026-11-28T10:00:00.000Z', method: 'GET', path: '/', status: null, limits: null,
    request: { fields: [] }, answer: null,
  });
  const before = { at: NOW + 900 };
  assert.deepEqual([point(at('2026-11-28T14:00:00Z'), before).at, point(at('2026-11-28T14:00:00Z'), before).wentBack], [NOW + 900, false]);
  assert.equal(point(at('2026-11-27T14:00:00Z'), before).wentBack, true);
});

test('the line of a limit goes down with each request and up to the top again', () => {
  const facts = factsOf({ points: [spent(NOW - 2 * SECOND, 1, 19), spent(NOW - SECOND, 0, 18)] });
  const room = { top: 0, height: 100 };
  const heights = (path) => [...path.matchAll(/[ML][\d.]+ ([\d.]+)/g)].map(([, y]) => Number(y));
  for (const { line } of [throttlePath(facts, axis, room), quotaPath(facts, axis, room)]) {
    const all = heights(line);
    assert.equal(all[0], 0);
    assert.equal(all.at(-1), 0);
    assert.ok(Math.max(...all) > 0);
    assert.ok(all.every((y) => y >= 0 && y <= 100), line);
  }
});
