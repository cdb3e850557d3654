// What a change to a client does, before it is made: what each member was and will be, and what follows from that for the
// requests of the client. A note has a level: `bad` refuses requests that pass today, `warn` may, `ok` is as good as before.

import { absolute, counted, number, span } from '../parts.js';
import { isSame, pace } from './members.js';


/**
 * @param {object} client as the server shows it
 * @param {object} after its members, as the request has them
 * @param {{ usage?: object, terms: object }} known `usage` of 90 days, `terms` of the server
 * @returns {{ member: string, before: any, after: any, notes: { level: string, text: string }[] }[]} a row for each member
 * that changes
 */
export function effects(client, after, { usage, terms }) {
  const changed = Object.keys(after).filter((member) => !isSame(member, after[member], client[member]));
  return changed.map((member) => ({
    member,
    before: client[member],
    after: after[member],
    notes: (NOTES[member]?.(client, { ...client, ...after }, { usage, terms }) ?? []).filter(Boolean),
  }));
}

const bad = (text) => ({ level: 'bad', text });
const warn = (text) => ({ level: 'warn', text });
const ok = (text) => ({ level: 'ok', text });

const isNumber = (value) => typeof value === 'number';
const tokens = (scope) => scope.split(' ').filter(Boolean);

/** The parts of `before` that `after` does not have, and the other way around. */
function difference(before, after) {
  return { lost: before.filter((one) => !after.includes(one)), gained: after.filter((one) => !before.includes(one)) };
}

const list = (words) => words.join(', ');

const NOTES = {
  scope(client, after) {
    const { lost, gained } = difference(tokens(client.scope), tokens(after.scope));
    return [
      lost.length > 0 && bad(`${list(lost)} ${lost.length === 1 ? 'falls' : 'fall'} away: from the next request on, what needs it gets 403, also with a token that it has.`),
      gained.length > 0 && ok(`${list(gained)} ${gained.length === 1 ? 'comes' : 'come'} in with its next token. A token that it has keeps the scope that it was issued with.`),
    ];
  },

  audience(client, after) {
    const { lost, gained } = difference(client.audience, after.audience);
    return [
      lost.length > 0 && bad(`Its tokens for ${list(lost)} are refused from the next request on, and it gets no new ones.`),
      gained.length > 0 && ok(`It may ask for tokens for ${list(gained)}.`),
    ];
  },

  token_ttl(client, after) {
    if (!isNumber(after.token_ttl)) return [];
    return [ok(`Each token that it gets from now on lives ${span(after.token_ttl)}. The tokens that it has live as long as they were issued for.`)];
  },

  requests_per_second: throttleNotes,

  burst(client, after) {
    // One note for both, with the first of them that changes.
    return isSame('requests_per_second', client.requests_per_second, after.requests_per_second) ? throttleNotes(client, after) : [];
  },

  daily_quota(client, after, { usage }) {
    const quota = after.daily_quota;
    if (quota !== null && !isNumber(quota)) return [];
    return [todayNote(client, after, quota, usage), daysNote(quota, usage, client)];
  },

  enforce(client, after) {
    if (after.enforce) {
      return [warn('What it sends over a limit is refused with 429 from the next request on.')];
    }
    return [warn('What it sends over a limit is answered as usual, and only counted: nothing protects the API from it.')];
  },

  report_required(client, after, { terms }) {
    if (!after.report_required) return [ok('It has its limits at once, with or without a report.')];
    if (client.report) return [ok(`It has shown a report that is valid until ${absolute(client.report.expires_at)}, so its limits stay.`)];
    const lower = terms?.client_defaults.unproven;
    if (!lower) return [];
    const quota = lower.daily_quota === null ? '' : `, and ${number(lower.daily_quota)} a day`;
    return [bad(`It has shown no report that is valid. Until it does, it may send at most ${pace(lower.requests_per_second, lower.burst)}${quota}.`)];
  },

  declared(client, after) {
    return after.declared
      ? [warn('boomgate client sync --prune deletes it when its file does not name it.')]
      : [ok('boomgate client sync --prune does not delete it.')];
  },
};

function throttleNotes(client, after) {
  if (!isNumber(after.requests_per_second) || !isNumber(after.burst) || after.requests_per_second <= 0) return [];
  const isLower = after.requests_per_second < client.requests_per_second || after.burst < client.burst;
  const text = `It may send ${pace(after.requests_per_second, after.burst)}.`;
  if (!isLower) return [ok(text)];
  return [after.enforce ? warn(`${text} More than that is refused with 429, and Retry-After says when to try again.`) : ok(`${text} More than that is only counted.`)];
}

/** What the quota does to the rest of this day. */
function todayNote(client, after, quota, usage) {
  const today = usage?.today;
  if (!today) return undefined;
  const of = (limit) => (limit === null ? `${number(today.used)}, without a limit` : `${number(today.used)} of ${number(limit)}`);
  const moves = `Today's use: ${of(client.daily_quota)} → ${of(quota)}`;
  if (quota === null) return ok(`${moves}.`);
  if (today.used < quota) return ok(`${moves}. It may send ${number(quota - today.used)} more today.`);
  if (!after.enforce) return warn(`${moves}. Its next requests are over the quota, and only counted.`);
  return bad(`${moves}. It refuses every request with 429 until midnight (${absolute(today.resets_at)}).`);
}

/** On how many of the days before today the quota would have been too small. */
function daysNote(quota, usage, client) {
  if (!usage || quota === null) return undefined;
  const first = client.created_at.slice(0, 10);
  const days = usage.days_before.filter(({ day }) => day >= first);
  if (days.length === 0) return undefined;
  const most = days.reduce((one, other) => (other.used > one.used ? other : one));
  const over = days.filter(({ used }) => used > quota).length;
  if (over === 0) return ok(`It would have been enough on each of the last ${counted(days.length, 'day')}: the most was ${number(most.used)}, on ${most.day}.`);
  return bad(`It would have been too small on ${number(over)} of the last ${counted(days.length, 'day')}: the most was ${number(most.used)}, on ${most.day}.`);
}
