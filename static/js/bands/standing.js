// Where a client stands: its limits and its secrets, and the keys of the server. From the administration.

import { send } from '../http.js';
import { signal } from '../ui.js';
import { readAdministration } from '../sandbox/administration.js';
import { sandboxNow } from '../sandbox/clock.js';

const MOST_REMEMBERED = 6;
const UNKNOWN = { throttle: undefined, quota: undefined, today: undefined, secrets: [], validFrom: undefined };

const moment = (text) => (text ? Date.parse(text) : undefined);
const theTime = () => sandboxNow() ?? Date.now();

/** Adds what was read to what was known: what is gone from the server stays in the picture, ended. */
function remembered(known, read, identity) {
  const now = theTime();
  const gone = known.filter((old) => !read.some((one) => one[identity] === old[identity]));
  const ended = gone.map((old) => ({ ...old, until: Math.min(old.until ?? now, now), signsUntil: old.signsUntil ?? now }));
  return [...ended, ...read].slice(-MOST_REMEMBERED);
}

const secretOf = (secret) => ({ id: secret.secret_id, from: moment(secret.created_at), until: moment(secret.expires_at) });

const keyOf = (key) => ({
  kid: key.kid,
  from: moment(key.signs_from),
  signsUntil: moment(key.signs_until),
  until: moment(key.verifies_until),
});

/**
 * @param {{ peek: () => string }} clientId a signal
 * @param {{ peek: () => object }} token a signal: the token that the page holds, or null
 * @returns the signals `limits` and `ring` (the keys), `read()` and `forget()`
 */
export function standing(clientId, token) {
  const limits = signal(UNKNOWN);
  const ring = signal({ keys: [], rotatesAt: undefined });

  /** What the token of the page says, where the administration may not be read. */
  async function readUsage() {
    const held = token.peek()?.accessToken;
    const answer = held && await send('GET', '/oauth2/usage', { token: held });
    if (answer?.status !== 200) return undefined;
    const { day, second } = answer.body;
    return { burst: second.burst, requests_per_second: second.requests_per_second, daily_quota: day?.quota, today: day };
  }

  async function readClient(path) {
    const client = await readAdministration(path);
    const usage = client && await readAdministration(`${path}/usage`);
    return client && { ...client, ...client.limits_in_effect, today: usage?.today };
  }

  async function readLimits() {
    const id = clientId.peek();
    if (!id) return;
    const read = await readClient(`/admin/clients/${encodeURIComponent(id)}`) ?? await readUsage();
    if (!read || clientId.peek() !== id) return;
    const left = read.today?.remaining;
    const secrets = (read.secrets ?? []).map(secretOf).sort((one, other) => one.from - other.from);
    limits.value = {
      throttle: { burst: read.burst, rate: read.requests_per_second },
      quota: read.daily_quota,
      today: left == null ? undefined : { at: theTime(), day: { before: left, after: left } },
      secrets: remembered(limits.peek().secrets, secrets, 'id'),
      validFrom: read.tokens_valid_from === read.created_at ? undefined : moment(read.tokens_valid_from),
    };
  }

  async function readKeys() {
    const read = await readAdministration('/admin/keys');
    if (!read) return;
    ring.value = { keys: remembered(ring.peek().keys, read.data.map(keyOf), 'kid'), rotatesAt: moment(read.rotates_at) };
  }

  return {
    limits,
    ring,
    read: () => Promise.all([readLimits(), readKeys()]),
    forget() { limits.value = UNKNOWN; },
  };
}
