// What is true at a moment: of the tokens of a client, its limits, its secrets, and the keys. Pure: the picture asks it for
// now, for the past, and for the moment that the clock is dragged to.

import { DAY, dayAndTime, midnightAfter, span } from '../sandbox/times.js';

const dayOf = (moment) => Math.floor(moment / DAY);
const NUMBER = new Intl.NumberFormat('en');
const count = (number) => NUMBER.format(number);

/** The level of a throttle at a moment after the request `used`: it refills. */
export function refilled({ burst, rate }, used, moment) {
  return used ? Math.min(burst, used.second.after + (moment - used.at) / 1_000 * rate) : burst;
}

/** The level of the throttle at a moment. Undefined if the limit is not known. */
export function throttleAt({ throttle, points }, moment) {
  return throttle && refilled(throttle, points.findLast(({ second, at }) => second && at <= moment), moment);
}

/** How many requests of the day are left at a moment. Undefined if the client has no quota. */
export function quotaAt({ quota, units }, moment) {
  if (quota == null) return undefined;
  const used = units.findLast(({ at }) => at <= moment);
  if (used) return dayOf(used.at) === dayOf(moment) ? used.day.after : quota;
  const [next] = units;
  return next && dayOf(next.at) === dayOf(moment) ? next.day.before : quota;
}

/** What a token is at a moment: `alive`, `expired` or `revoked`. */
export function tokenAt({ until, revokedAt }, moment) {
  if (revokedAt !== undefined && moment >= revokedAt) return 'revoked';
  return moment < until ? 'alive' : 'expired';
}

/** Whether a secret works at a moment. */
export function secretWorksAt({ from, until }, moment) {
  return from <= moment && (until === undefined || moment < until);
}

/** What a key does at a moment: `next`, `signing`, `verifying` or `gone`. */
export function keyAt({ from, signsUntil, until }, moment) {
  if (moment < from) return 'next';
  if (signsUntil === undefined || moment < signsUntil) return 'signing';
  return until === undefined || moment < until ? 'verifying' : 'gone';
}

function tokenText({ tokens }, moment) {
  const issued = tokens.filter(({ from }) => from <= moment + 1_000);
  const token = issued.findLast((token) => tokenAt(token, moment) === 'alive') ?? issued.at(-1);
  if (!token) return ['none yet', 'quiet'];
  const state = tokenAt(token, moment);
  if (state === 'alive') return [`lives ${span(token.until - moment)} more`, 'ok'];
  return state === 'revoked' ? ['revoked', 'bad'] : [`expired ${span(moment - token.until)} before`, 'bad'];
}

function throttleText(facts, moment) {
  const level = throttleAt(facts, moment);
  if (level === undefined) return ['not known yet', 'quiet'];
  const whole = Math.floor(level + 1e-6);
  return [`${whole} of ${count(facts.throttle.burst)} at once`, whole === 0 ? 'bad' : 'ok'];
}

function quotaText(facts, moment) {
  if (facts.quota === null) return ['unlimited', 'ok'];
  const left = quotaAt(facts, moment);
  if (left === undefined) return ['not known yet', 'quiet'];
  return [`${count(left)} of ${count(facts.quota)} left`, left === 0 ? 'bad' : 'ok'];
}

function secretsText({ secrets }, moment) {
  const work = secrets.filter((secret) => secretWorksAt(secret, moment));
  if (secrets.length === 0) return ['not known yet', 'quiet'];
  const ending = work.find(({ until }) => until !== undefined);
  if (ending && work.length > 1) return [`two, the old one ${span(ending.until - moment)}`, 'warn'];
  return work.length === 1 ? ['one works', 'ok'] : [work.length === 0 ? 'none works' : `${work.length} work`, work.length ? 'ok' : 'bad'];
}

function keysText({ keys, rotatesAt }, moment) {
  if (keys.length === 0) return ['not known yet', 'quiet'];
  const signing = keys.findLast((key) => keyAt(key, moment) === 'signing');
  const verifying = keys.filter((key) => keyAt(key, moment) === 'verifying').length;
  const isSucceeded = signing && signing.signsUntil === undefined && rotatesAt !== undefined && moment >= rotatesAt;
  const signs = !signing || isSucceeded ? 'a new one signs' : `${signing.kid.slice(0, 6)}… signs`;
  return [verifying ? `${signs}, ${verifying} more ${verifying === 1 ? 'verifies' : 'verify'}` : signs, 'ok'];
}

const TEXTS = { tokens: tokenText, throttle: throttleText, quota: quotaText, secrets: secretsText, keys: keysText };

/** What a band says at a moment: its text, and its tone (`ok`, `warn`, `bad` or `quiet`). */
export function summary(band, facts, moment) {
  const [text, tone] = TEXTS[band]?.(facts, moment) ?? ['', 'quiet'];
  return { text, tone };
}

/** The moments after `now` at which something changes: `{ at, what }`, the earliest first. */
export function changes(facts, now) {
  const { tokens, secrets, keys, rotatesAt } = facts;
  const token = tokens.at(-1);
  const all = [
    { at: midnightAfter(now), what: 'midnight' },
    token && tokenAt(token, now) === 'alive' && { at: token.until, what: 'token' },
    ...secrets.map(({ until }) => ({ at: until, what: 'secret' })),
    ...keys.flatMap(({ from, signsUntil, until }) => [{ at: from, what: 'key' }, { at: signsUntil, what: 'key' }, { at: until, what: 'key' }]),
    { at: rotatesAt, what: 'key' },
  ];
  return all.filter((change) => change?.at > now).sort((one, other) => one.at - other.at);
}

/** What happens from `now` to `then`, in sentences. */
export function consequences(facts, now, then) {
  const said = [];
  const token = facts.tokens.at(-1);
  if (token && tokenAt(token, now) === 'alive') {
    said.push(tokenAt(token, then) === 'alive'
      ? { text: `The token still lives, for ${span(token.until - then)}.`, tone: 'ok' }
      : { text: `The token has expired: a request with it gets 401.`, tone: 'bad' });
  }
  const [level, levelThen] = [throttleAt(facts, now), throttleAt(facts, then)];
  if (level !== undefined && Math.floor(levelThen) > Math.floor(level)) {
    said.push({ text: `The throttle has refilled: ${count(Math.floor(levelThen))} may come at once.`, tone: 'ok' });
  }
  if (dayOf(now) !== dayOf(then)) {
    const whole = facts.quota == null ? '' : `, and the quota is whole again: ${count(facts.quota)} requests`;
    said.push({ text: `A new day has begun${whole}.`, tone: 'ok' });
  }
  for (const secret of facts.secrets) {
    if (secretWorksAt(secret, now) && !secretWorksAt(secret, then)) said.push({ text: 'The old secret works no more.', tone: 'bad' });
  }
  for (const key of facts.keys) said.push(...keyChange(key, now, then));
  if (facts.rotatesAt > now && facts.rotatesAt <= then) said.push({ text: `Another key signs, since ${dayAndTime(facts.rotatesAt)}.`, tone: 'warn' });
  return said;
}

function keyChange(key, now, then) {
  const [was, is] = [keyAt(key, now), keyAt(key, then)];
  if (was === is || was === 'gone') return [];
  const name = `The key ${key.kid.slice(0, 6)}…`;
  if (is === 'gone') return [{ text: `${name} is gone: a token that it signed is refused.`, tone: 'bad' }];
  return [{ text: `${name} ${is === 'verifying' ? 'verifies, and signs no more' : 'signs'}.`, tone: 'warn' }];
}
