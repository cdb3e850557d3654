// The views of the sandbox: times, events, filters and rules.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EFFECTS, described, matched } from '../js/console/faults/effects.js';
import { BLANK, ruleOf, wordsOf } from '../js/console/faults/rule.js';
import { NO_FILTER, flagsOf, queryOf, wants } from '../js/console/requests/wanted.js';
import { parsed, readEvents } from '../js/sandbox/events.js';
import { dayAndTime, midnightAfter, span, stamp } from '../js/sandbox/times.js';

test('a span has its two largest units', () => {
  const spans = [[0, '0 s'], [59_000, '59 s'], [61_000, '1 min 1 s'], [35_160_000, '9 h 46 min'], [86_400_000, '1 d'], [-5, '0 s']];
  for (const [milliseconds, text] of spans) assert.equal(span(milliseconds), text);
});

test('days are UTC', () => {
  const moment = Date.parse('2026-11-28T23:59:59.999Z');
  assert.equal(stamp(moment), '2026-11-28T23:59:59Z');
  assert.equal(dayAndTime(moment), '28 Nov 2026 23:59:59Z');
  assert.equal(stamp(midnightAfter(moment)), '2026-11-29T00:00:00Z');
  assert.equal(stamp(midnightAfter(midnightAfter(moment))), '2026-11-30T00:00:00Z');
});

test('an event has its name, its id and what its JSON says, and a comment has no data', () => {
  assert.deepEqual(parsed('event: request\nid: 6\ndata: {"number":6}'), { event: 'request', id: '6', data: { number: 6 } });
  assert.equal(parsed(': still here').data, undefined);
});

test('events are read whole, wherever the stream is cut', async () => {
  const text = ': requests after 5\nretry: 1000\n\nevent: request\nid: 6\ndata: {"path":"/ü"}\n\nevent: request\nid: 7\ndata: {"path":"/b"}\n\n';
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size < bytes.length; size += 7) {
    const chunks = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size));
    globalThis.fetch = async () => new Response(new ReadableStream({
      pull(controller) {
        if (chunks.length) controller.enqueue(chunks.shift());
        else controller.close();
      },
    }));
    const got = [];
    const status = await readEvents('/', { token: 't', begun() {}, take: ({ data }) => got.push(data.path) });
    assert.deepEqual([status, got], [200, ['/ü', '/b']], `chunks of ${size}`);
  }
});

test('a stream that is refused calls nothing', async () => {
  globalThis.fetch = async () => new Response('', { status: 401 });
  const fail = () => assert.fail('nothing came');
  assert.equal(await readEvents('/', { token: 't', begun: fail, take: fail }), 401);
});

const LINE = { client: 'demo-writer', method: 'POST', path: '/parking/zones', status: 429, request_id: 'order-17', fault: null };

test('a filter wants what fits all of its fields', () => {
  const fits = (change) => wants({ ...NO_FILTER, ...change }, LINE);
  for (const change of [{}, { client: 'writer' }, { method: 'POST' }, { path: 'zones' }, { path: 'order' }, { status: '4xx' }, { status: '429' }]) {
    assert.ok(fits(change), JSON.stringify(change));
  }
  for (const change of [{ client: 'reader' }, { method: 'GET' }, { path: '/admin' }, { status: '5xx' }, { status: 'none' }, { status: 'fault' }]) {
    assert.ok(!fits(change), JSON.stringify(change));
  }
  assert.ok(wants({ ...NO_FILTER, status: 'none' }, { ...LINE, status: null, client: null }));
  assert.ok(wants({ ...NO_FILTER, status: 'fault' }, { ...LINE, fault: { name: 'busy' } }));
});

test('a filter is a command and a query, too', () => {
  const filter = { client: 'demo-writer', status: '4xx', method: 'POST', path: '/parking/**' };
  assert.deepEqual(flagsOf(filter), ['--client', 'demo-writer', '--status', '4xx', '--method', 'POST', '--path', '/parking/**']);
  assert.equal(queryOf(filter), '?client=demo-writer&status=4xx&method=POST&path=%2Fparking%2F**');
  assert.equal(queryOf(NO_FILTER), '');
  assert.equal(queryOf({ ...NO_FILTER, status: 'fault' }), '?injected=true');
});

test('an untouched form is a rule for every request', () => {
  assert.deepEqual(ruleOf(BLANK), { effect: { problem: 'unavailable' } });
  assert.deepEqual(wordsOf(BLANK), ['fault', 'add', 'unavailable']);
});

test('a form says the same as a rule and as a command', () => {
  const fields = { ...BLANK, word: 'slow', setting: '700ms', client: ' demo-writer ', phase: 'resource', times: '2', probability: '0.2', name: 'flaky' };
  assert.deepEqual(ruleOf(fields), {
    name: 'flaky',
    match: { client: 'demo-writer', phase: 'resource' },
    probability: 0.2,
    times: 2,
    effect: { delay: '700ms' },
  });
  assert.equal(
    wordsOf(fields).join(' '),
    'fault add slow --client demo-writer --times 2 --probability 0.2 --name flaky --phase resource --delay 700ms',
  );
});

test('every effect of the form is described, and has a word of its own', () => {
  const all = EFFECTS.flatMap(([, own]) => own);
  assert.equal(new Set(all.map(({ word }) => word)).size, all.length);
  for (const { word, make, setting } of all) assert.notEqual(described(make(setting?.[1])), '', word);
  assert.equal(described({ close: 'before_headers', after_commit: true }), 'close before headers, after the change is made');
  assert.equal(described({ delay: { uniform: ['100ms', '2s'] }, status: 502 }), '100ms to 2s later, status 502');
});

test('a rule without a match is for every request', () => {
  assert.equal(matched(undefined), 'every request');
  assert.equal(matched({ client: 'demo-writer', phase: 'token', requests: '3..5' }), 'demo-writer token requests number 3..5');
});
