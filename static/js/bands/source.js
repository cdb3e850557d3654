// The facts of the bands, put together, and when they are read again. Everything has a bound.

import { controlToken } from '../session.js';
import { batch, computed, effect } from '../ui.js';
import { jumps, watchClock } from '../sandbox/clock.js';
import { entries, watchJournal } from '../sandbox/journal.js';
import { standing } from './standing.js';
import { traffic } from './traffic.js';

/** A busy client must not make the page ask for each of its requests alone. */
const GATHER_MS = 250;

/** Each token that the requests tell of, and the one that the page holds, the oldest first. */
function tokensOf(ofTokens, claims, validFrom) {
  const all = new Map();
  const revoked = new Map();
  for (const { at, issued, jti, reason } of ofTokens) {
    if (issued) all.set(issued.jti, { jti: issued.jti, from: at, until: Math.floor(at / 1_000) * 1_000 + issued.lives });
    if (reason === 'token-revoked' && jti && !revoked.has(jti)) revoked.set(jti, at);
  }
  if (claims?.jti) {
    all.set(claims.jti, { from: claims.iat * 1_000, ...all.get(claims.jti), jti: claims.jti, until: claims.exp * 1_000 });
  }
  return [...all.values()].map((token) => {
    // All tokens of a client are revoked by one moment: those before it no longer count.
    const isRevoked = validFrom !== undefined && Math.floor(token.from / 1_000) * 1_000 <= validFrom;
    return { ...token, revokedAt: isRevoked ? validFrom : revoked.get(token.jti) };
  });
}

/** The quota at the requests that spent it, and as the server said it last: units are used up by a trouble, too. */
function unitsOf(points, today) {
  const spent = points.filter(({ day }) => day);
  return today ? [...spent.filter(({ at }) => at <= today.at), today, ...spent.filter(({ at }) => at > today.at)] : spent;
}

/**
 * The facts of the client that the signal `client` names. `token` is the one that the page holds, or null.
 *
 * @returns {{ facts: object, close: () => void }} `facts`, a signal, has
 * `clientId points isLoaded units tokens throttle quota secrets keys rotatesAt`
 */
export function source({ client, token }) {
  const clientId = computed(() => client.value?.clientId);
  const { points, ofTokens, isLoaded, read: readTraffic, forget: forgetTraffic } = traffic(clientId);
  const { limits, ring, read: readStanding, forget: forgetStanding } = standing(clientId, token);

  const facts = computed(() => {
    const held = token.value?.claims;
    const claims = held?.client_id === clientId.value ? held : undefined;
    return {
      clientId: clientId.value,
      points: points.value,
      isLoaded: isLoaded.value,
      units: unitsOf(points.value, limits.value.today),
      tokens: tokensOf(ofTokens.value, claims, limits.value.validFrom),
      ...limits.value,
      ...ring.value,
    };
  });

  // Later, so that an effect that refreshes does not depend on what the reading looks at, such as the clock. A server that
  // does not answer shows as a banner, and what was read stays.
  const refresh = () => queueMicrotask(() => Promise.all([readTraffic(), readStanding()]).catch(() => {}));

  let gathering;
  const gather = () => {
    gathering ??= setTimeout(() => {
      gathering = undefined;
      readTraffic().catch(() => {});
    }, GATHER_MS);
  };

  let seen = 0;
  let known = jumps.peek();
  const stops = [
    watchClock(),
    watchJournal(),
    effect(() => {
      if (!clientId.value || !controlToken.value) return;
      batch(() => {
        forgetTraffic();
        forgetStanding();
      });
      refresh();
    }),
    // The journal rings: each request of this client is read whole, and a change of the administration is looked for.
    effect(() => {
      const fresh = entries.value.filter(({ number }) => number > seen);
      seen = entries.value[0]?.number ?? 0;
      if (fresh.some((line) => line.client === clientId.peek())) gather();
      if (fresh.some(({ method, path, status }) => method !== 'GET' && path.startsWith('/admin/') && status < 300)) refresh();
    }),
    effect(() => {
      if (jumps.value !== known) refresh();
      known = jumps.value;
    }),
  ];
  // Who comes back from a terminal may have changed something there.
  const look = () => document.hidden || refresh();
  document.addEventListener('visibilitychange', look);

  return {
    facts,
    close() {
      document.removeEventListener('visibilitychange', look);
      clearTimeout(gathering);
      stops.forEach((stop) => stop());
    },
  };
}
