// What somebody means who writes how far the clock is to go.

import { midnightAfter } from '../sandbox/times.js';
import { tokenAt } from './truth.js';

/** A span as the server reads it. */
const SPAN = /^(\d+(ms|[smhd]))+$/;

/** What a text of the form means: a span (`by`), a moment (`to`), or nothing, and `why`. */
export function wish(text, { now, expiry }) {
  const wanted = text.trim();
  const plain = wanted.toLowerCase().replace(/^(to|past|until)\s+/, '').replace(/^the\s+/, '');
  if (plain === 'midnight') return { to: midnightAfter(now) };
  if (plain === "token's expiry" || plain === 'expiry') {
    return expiry === undefined ? { why: 'No token lives now: get one first.' } : { to: expiry };
  }
  if (/^\d{4}-\d{2}-\d{2}/.test(wanted)) {
    const to = Date.parse(wanted);
    return Number.isNaN(to) ? { why: 'Write a moment as 2030-01-31T00:00:00Z.' } : { to };
  }
  const by = wanted.replaceAll(' ', '').replace(/min(?=\d|$)/g, 'm');
  return SPAN.test(by) ? { by } : { why: 'Write a span such as 15m or 1h30m, a moment such as 2030-01-31T00:00:00Z, or “past midnight”.' };
}

/** The moment at which the newest token of the facts expires, while it lives. */
export function expiryOf({ tokens }, now) {
  const alive = tokens.filter((token) => tokenAt(token, now) === 'alive');
  return alive.length ? Math.max(...alive.map(({ until }) => until)) : undefined;
}
