// The gates of a walk, a token decoded, and the fields of an answer in words.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { gatesOf } from '../js/gates.js';
import { decoded, life, span } from '../js/jwt.js';
import { explained } from '../js/start/fields.js';

const check = (name, outcome = 'passed') => ({ check: name, expected: 'e', got: 'g', outcome });
const outcomes = (gates) => gates.map(({ name, outcome }) => `${name} ${outcome}`).join(', ');

test('the gate that refused is lit, and those behind it were not reached', () => {
  const checks = [check('bearer_token'), check('client'), check('throttle', 'failed'), check('quota', 'not_reached'), check('scope', 'not_reached')];
  assert.equal(
    outcomes(gatesOf({ checks, passed: false }, { status: 429 })),
    'Token passed, Client passed, Throttle failed, Quota not_reached, Scope not_reached, API not_reached',
  );
});

test('the API itself refuses what every gate let through', () => {
  const checks = ['bearer_token', 'client', 'throttle', 'quota', 'scope'].map((name) => check(name));
  assert.match(outcomes(gatesOf({ checks, passed: true }, { status: 409 })), /Scope passed, API failed$/);
  assert.match(outcomes(gatesOf({ checks, passed: true }, { status: 200 })), /API passed$/);
});

test('a token request has gates of its own, also where no check is named', () => {
  const checks = [check('credentials'), check('secret', 'failed'), check('scope', 'not_reached')];
  assert.match(outcomes(gatesOf({ checks, passed: false })), /^Secret failed, Client not_reached/);
  assert.match(outcomes(gatesOf({ checks: [], passed: true }, { status: 200, isTokenRequest: true })), /^Secret passed, .*Signature passed$/);
});

test('a check that is new belongs to the gate of the check before it', () => {
  const gates = gatesOf({ checks: [check('bearer_token'), check('throttle'), check('weather', 'failed')], passed: false });
  assert.equal(gates.find(({ outcome }) => outcome === 'failed').name, 'Throttle');
});

test('a token is decoded as UTF-8, and what is no token is not', () => {
  const part = (of) => Buffer.from(JSON.stringify(of)).toString('base64url');
  const { header, claims } = decoded(`${part({ alg: 'ES256' })}.${part({ sub: 'ünï-☃' })}.c2ln`);
  assert.deepEqual([header, claims], [{ alg: 'ES256' }, { sub: 'ünï-☃' }]);
  for (const wrong of ['', 'a.b', 'a.b.c', `${part({})}.!!.x`, `${part({})}.${Buffer.from([0x7b, 0xff]).toString('base64url')}.x`]) {
    assert.equal(decoded(wrong), undefined, wrong);
  }
});

test('the life of a token runs down, and is over at its last second', () => {
  const claims = { iat: 1000, exp: 4600 };
  assert.deepEqual(life(claims, 1900), { left: 2700, share: 0.75, isOver: false });
  assert.equal(life(claims, 4600).isOver, true);
  assert.equal(life({ iat: 5, exp: 5 }, 5).share, 0);
});

test('a span has its two largest units', () => {
  for (const [seconds, words] of [[0, '0 s'], [59, '59 s'], [60, '1 min'], [61, '1 min 1 s'], [3600, '1 h'], [3660, '1 h 1 min'], [90_000, '25 h'], [-1, '0 s']]) {
    assert.equal(span(seconds), words);
  }
});

test('the fields of the limits are said in words, and one that is malformed harms nothing', () => {
  const meaning = (name, value) => explained([[name, value]])[0].meaning;
  assert.match(meaning('ratelimit', '"second";r=1;t=1, "day";r=19;t=3660'), /1 more at once.*1 s; 19 more today.*1 h 1 min/);
  assert.match(meaning('ratelimit-policy', '"second";q=2;w=1, "day";q=20;w=86400'), /2 in 1 s.*20 in 24 h/);
  assert.equal(meaning('retry-after', '90'), 'Send it again in 1 min 30 s, and not before.');
  assert.equal(meaning('retry-after', 'Sat, 28 Nov 2026 14:00:00 GMT'), 'Send it again then, and not before.');
  for (const wrong of ['', ';;', '"second"', 'r=;t=x']) assert.equal(typeof meaning('ratelimit', wrong), 'string');
  assert.equal(meaning('x-unheard-of', 'x'), undefined);
  assert.deepEqual(explained([['date', 'd'], ['retry-after', '1']]).map(({ name }) => name), ['retry-after', 'date']);
});
