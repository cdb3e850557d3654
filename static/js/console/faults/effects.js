// The effects of faults: those that the form offers, in the words of `boomgate fault add`, and any effect in a few words.

const TIME_HINT = 'such as 700ms or 2s';

/** An effect of the form: its word, what it does, the effect as JSON, and what may be set: `[option, value, label, hint]`. */
const effect = (word, text, make, setting) => ({ word, text, make, setting });
const fixed = (word, text, value) => effect(word, text, () => value);
/** A problem that comes with `Retry-After`. */
const limit = (problem, text) => effect(
  problem,
  text,
  (seconds) => ({ problem, ...(seconds ? { retry_after: Number(seconds) } : {}) }),
  ['--retry-after', '', 'Retry-After', 'in seconds; empty is the usual one'],
);

const VARIATIONS = [
  'unknown-members', 'token-type-lowercase', 'no-expires-in', 'retry-after-date', 'no-scope', 'reordered-members', 'chunked-body',
  'title-case-fields', 'connection-close',
];

export const EFFECTS = [
  ['A refusal of the gate', [
    limit('unavailable', '503: the service is not available'),
    limit('throttled', '429: too many requests per second'),
    limit('quota-exceeded', '429: the quota of the day is used up'),
    limit('too-many-token-requests', '429: too many token requests'),
    fixed('token-expired', '401: the token has expired', { problem: 'token-expired' }),
    fixed('token-revoked', '401: the token was revoked', { problem: 'token-revoked' }),
    fixed('insufficient-scope', '403: the scope is too small', { problem: 'insufficient-scope' }),
    fixed('not-found', '404: not found', { problem: 'not-found' }),
    fixed('conflict', '409: conflict', { problem: 'conflict' }),
    fixed('precondition-failed', '412: changed meanwhile', { problem: 'precondition-failed' }),
    fixed('invalid-client', '401 at the token endpoint: wrong credentials', { problem: 'invalid-client' }),
  ]],
  ['An answer of something between', [
    fixed('502', '502: a page of a proxy', { status: 502 }),
    fixed('504', '504: a page of a proxy', { status: 504 }),
    fixed('html', 'HTML in place of the body', { body: 'html' }),
    fixed('empty', 'an empty body', { body: 'empty' }),
    fixed('not-json', 'JSON that is cut off', { body: 'not_json' }),
    fixed('wrong-content-type', 'the body, named as plain text', { body: 'wrong_content_type' }),
  ]],
  ['A bad network', [
    effect('slow', 'the answer comes late', (span) => ({ delay: span }), ['--delay', '2s', 'By', TIME_HINT]),
    effect('timeout', 'no answer, then the end', (span) => ({ timeout: span }), ['--over', '30s', 'After', TIME_HINT]),
    effect('dribble', 'the body in ten pieces', (span) => ({ dribble: { chunks: 10, over: span } }), ['--over', '5s', 'Over', TIME_HINT]),
    effect('bandwidth', 'few bytes a second', (bytes) => ({ bandwidth: Number(bytes) }), ['--bytes', '1000', 'Bytes a second', '']),
    effect('truncate', 'the body is cut', (bytes) => ({ truncate_after: Number(bytes) }), ['--bytes', '20', 'After bytes', '']),
    fixed('drop', 'closed in place of an answer', { close: 'before_headers' }),
    fixed('reset', 'reset by TCP', { close: 'reset' }),
    fixed('mid-body', 'closed in the middle of the body', { close: 'mid_body' }),
    fixed('goaway', 'HTTP/2: the connection takes no more requests', { close: 'goaway' }),
    fixed('lost', 'the change is made, and its answer is lost', { close: 'before_headers', after_commit: true }),
  ]],
  ['Unusual, and allowed by the standards', VARIATIONS.map((name) => fixed(name, name.replaceAll('-', ' '), { variation: name }))],
];

/** The effect of this word. */
export function effectOf(word) {
  return EFFECTS.flatMap(([, own]) => own).find((one) => one.word === word);
}

/** Any effect, in a few words. */
export function described(effect) {
  const { delay, problem, status, retry_after: retryAfter, body, variation } = effect;
  const { dribble, bandwidth, truncate_after: cut, close, timeout, after_commit: isAfter } = effect;
  const parts = [
    typeof delay === 'string' && `${delay} later`,
    delay?.uniform && `${delay.uniform.join(' to ')} later`,
    delay?.log_normal && `about ${delay.log_normal.median} later, at most ${delay.log_normal.cap}`,
    problem,
    status !== undefined && `status ${status}`,
    retryAfter !== undefined && `Retry-After ${retryAfter}`,
    body && `body ${body.replaceAll('_', ' ')}`,
    variation,
    dribble && `${dribble.chunks} pieces over ${dribble.over}`,
    bandwidth !== undefined && `${bandwidth} bytes a second`,
    cut !== undefined && `cut after ${cut} bytes`,
    close && `close ${close.replaceAll('_', ' ')}`,
    timeout && `no answer for ${timeout}`,
  ].filter(Boolean);
  return `${parts.join(', ')}${isAfter ? ', after the change is made' : ''}`;
}

/** Which requests a rule is for, in a few words. */
export function matched({ client, phase, method, path, unless_header: unless, requests } = {}) {
  const of = { token: 'token requests', resource: 'resources' }[phase];
  const parts = [client, of, method, path, requests && `number ${requests}`, unless && `without ${unless}`];
  return parts.filter(Boolean).join(' ') || 'every request';
}
