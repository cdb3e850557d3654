// The requests of a client, from the journal: those in the picture, and those that say something of a token.

import { control, controlToken } from '../session.js';
import { batch, signal } from '../ui.js';
import { point } from './points.js';

/** The most requests in the picture. */
const MOST_POINTS = 200;
const MOST_OF_TOKENS = 40;
const EARLIER_TOKENS = 10;
const PAGE = 100;

/**
 * @param {{ peek: () => string }} clientId a signal
 * @returns the signals `points`, `ofTokens` and `isLoaded`; `read()`, which adds what is new; and `forget()`
 */
export function traffic(clientId) {
  const points = signal([]);
  /** They stay when busier requests have pushed them out of the picture. */
  const ofTokens = signal([]);
  const isLoaded = signal(false);
  /** The number of the newest request that was read; 0 before the first. */
  let newest = 0;

  function forget() {
    newest = 0;
    batch(() => {
      points.value = [];
      ofTokens.value = [];
      isLoaded.value = false;
    });
  }

  const find = async (body) => {
    const { status, body: found } = await control('POST', '/sandbox/requests/find', { body });
    return status === 200 ? found : undefined;
  };

  /** Up to two pages, the oldest first; and the token requests before them, the first time. */
  async function findNew(client) {
    const since = newest ? { since: String(newest) } : {};
    const page = await find({ client, limit: PAGE, ...since });
    if (!page) return undefined;
    const before = page.has_more ? await find({ client, limit: PAGE, ...since, before: page.data.at(-1).number }) : undefined;
    const earlier = newest ? undefined : await find({ client, phase: 'token', status: 200, limit: EARLIER_TOKENS });
    return {
      last: page.last,
      data: [...page.data, ...before?.data ?? []].reverse(),
      earlier: earlier?.data.reverse().map((request) => point(request)),
    };
  }

  async function read() {
    const client = clientId.peek();
    if (!client || !controlToken.peek()) return;
    const found = await findNew(client);
    if (!found || clientId.peek() !== client) return;
    // A journal whose numbers begin again is another one.
    const known = found.last < newest ? [] : points.peek().slice();
    const events = found.earlier ?? ofTokens.peek().slice();
    for (const request of found.data) {
      if (request.number <= (known.at(-1)?.number ?? 0)) continue;
      const next = point(request, known.at(-1));
      // The clock went back, to a snapshot: what came before is of another life.
      if (next.wentBack) known.length = events.length = 0;
      known.push(next);
      if (next.issued || next.reason === 'token-revoked') events.push(next);
    }
    newest = known.at(-1)?.number ?? Math.min(newest, found.last);
    batch(() => {
      points.value = known.slice(-MOST_POINTS);
      ofTokens.value = events.slice(-MOST_OF_TOKENS);
      isLoaded.value = true;
    });
  }

  return { points, ofTokens, isLoaded, read, forget };
}
