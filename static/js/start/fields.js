// What the fields of an answer say, in a sentence each.

import { span } from '../jwt.js';

const NAMES = { second: 'at once', day: 'today' };

/** Members of a list of structured fields, such as `"second";r=1;t=1, "day";r=19;t=35168`. */
function members(value) {
  return value.split(',').map((member) => {
    const [name, ...parameters] = member.trim().split(';');
    return [name.replaceAll('"', ''), Object.fromEntries(parameters.map((parameter) => parameter.trim().split('=')))];
  });
}

function left(value) {
  const limit = ([name, { r, t }]) => `${r} more ${NAMES[name] ?? `of ${name}`}${t ? `, and others in ${span(t)}` : ''}`;
  return members(value).map(limit).join('; ');
}

const allowed = (value) => members(value).map(([name, { q, w }]) => `${q} in ${span(w)} (${name})`).join('; ');

const MEANINGS = {
  'retry-after': (value) => `Send it again ${/^\d+$/.test(value) ? `in ${span(value)}` : 'then'}, and not before.`,
  ratelimit: (value) => `What is left of the limits: ${left(value)}.`,
  'ratelimit-policy': (value) => `The limits of this client: ${allowed(value)}.`,
  'www-authenticate': () => 'How to authenticate, and what is wrong with the token or its scope.',
  'x-request-id': () => 'The name of this request, in the log and on the page that says why. You may choose it.',
  etag: () => 'The state of what was read. Send it back as If-Match to change only that, as If-None-Match to read only news.',
  location: () => 'Where the new one is.',
  'cache-control': () => 'Who may keep a copy of the answer.',
  'content-type': (value) => (value.startsWith('application/problem+json') ? 'A problem, in the form of RFC 9457.' : undefined),
  'boomgate-fault': () => 'A fault of the sandbox disturbed this answer. A real server never sends this field.',
  'preference-applied': () => 'The request asked for this with Prefer, and got it.',
  date: () => 'The clock of the server.',
};
const FIRST = Object.keys(MEANINGS);

/** The fields of an answer, those that matter to a client first: `{ name, value, meaning }`. */
export function explained(headers) {
  const rank = ([name]) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  const sorted = [...headers].sort((one, other) => rank(one) - rank(other));
  return sorted.map(([name, value]) => ({ name, value, meaning: MEANINGS[name]?.(value) }));
}
