// All clients, page by page, and what they do now. The rows of the first page are shown while the next ones come.

import { Unreachable, isReachable } from '../../http.js';
import { admin } from '../../session.js';
import { batch, effect, signal } from '../../ui.js';
import { serverTime } from '../parts.js';
import { rowOf, withActivity } from './rows.js';

/** Clients on a page. What they do is shorter, so more of it is on one. */
const PAGE = 100;
const ACTIVITY_PAGE = 1_000;
/** The most clients that the table has. A search of the server finds the others. */
export const MOST = 20_000;
/** Up to so many clients, what they do is read again each `EVERY_MS`. */
const FEW = 1_000;
const EVERY_MS = 10_000;

const after = (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });

function answering() {
  return new Promise((resolve) => {
    const stop = effect(() => {
      if (isReachable.value) queueMicrotask(() => { stop(); resolve(); });
    });
  });
}

/** Asks until the server answers, and has a permit for the request. */
async function patiently(path, signal) {
  for (;;) {
    try {
      const answer = await admin('GET', path, { signal });
      if (answer.status !== 429) return answer;
      const wait = answer.headers.find(([name]) => name === 'retry-after')?.[1];
      await after(Math.min(Number(wait) || 1, 60));
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      await answering();
    }
  }
}

/** Reads a list to its end, or to `MOST` of it. `take` gets each page. Returns the answer that was a refusal, if one was. */
async function pages(path, limit, stop, take) {
  let cursor = '';
  let count = 0;
  do {
    const answer = await patiently(`${path}?limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, stop);
    if (answer.status !== 200) return answer;
    take(answer.body);
    count += answer.body.data.length;
    cursor = answer.body.next_cursor;
  } while (cursor && count < MOST);
  return undefined;
}

/**
 * The clients of the server.
 *
 * @returns signals: `rows`, in the order of the identifiers; `isComplete`; `refused`, an answer. `reload()` reads all anew.
 * `close()` stops.
 */
export function clientRows() {
  const rows = signal([]);
  const isComplete = signal(false);
  const refused = signal(undefined);
  let stop = new AbortController();
  let timer;

  const readActivity = async (mine) => {
    const activity = new Map();
    const answer = await pages('/admin/activity', ACTIVITY_PAGE, mine.signal, (page) => {
      for (const one of page.data) activity.set(one.client_id, one);
      serverTime(page.now);
    });
    // A server that has no activity shows the rest of the table.
    if (answer || mine.signal.aborted) return;
    rows.value = rows.peek().map((row) => (activity.has(row.id) ? withActivity(row, activity.get(row.id)) : row));
    if (rows.peek().length <= FEW) timer = setTimeout(() => again(mine), EVERY_MS);
  };

  const again = (mine) => (document.hidden ? (timer = setTimeout(() => again(mine), EVERY_MS)) : guarded(readActivity(mine), mine));

  const guarded = (promise, mine) => promise.catch((error) => {
    if (!mine.signal.aborted) throw error;
  });

  const load = async (mine) => {
    let fresh = [];
    const answer = await pages('/admin/clients', PAGE, mine.signal, (page) => {
      fresh = fresh.concat(page.data.map(rowOf));
      if (!isComplete.peek()) rows.value = fresh;
    });
    if (mine.signal.aborted) return;
    batch(() => {
      refused.value = answer;
      if (!answer) {
        const before = new Map(rows.peek().map((row) => [row.id, row]));
        rows.value = fresh.map((row) => ({ ...row, today: before.get(row.id)?.today, throttle: before.get(row.id)?.throttle }));
        isComplete.value = true;
      }
    });
    if (!answer) await readActivity(mine);
  };

  const reload = () => {
    stop.abort();
    clearTimeout(timer);
    stop = new AbortController();
    guarded(load(stop), stop);
  };

  reload();
  return {
    rows,
    isComplete,
    refused,
    reload,
    close() {
      stop.abort();
      clearTimeout(timer);
    },
  };
}
