// The entries of the audit log that a view shows: the newest ones, older ones on request, and new ones as they are written.

import { Unreachable, isReachable } from '../../http.js';
import { admin } from '../../session.js';
import { batch, effect, signal } from '../../ui.js';

const EVERY_MS = 2_000;
const PAGE = 50;
/** More entries than anybody reads: older ones than these are dropped when new ones come. */
const MOST = 2_000;

/** The path of a request for entries with these filters, `{ action, actor, … }`, and these other parameters. */
export function auditPath(filters, others = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...others, ...filters })) if (value !== '') query.set(name, value);
  return `/admin/audit?${query}`;
}

/**
 * Reads the log with these filters, and follows it.
 *
 * @returns `entries`, a signal of the entries, the newest first; `fresh`, how many of them came since the beginning; `older`,
 * whether there are more; `refused`, the last answer that was a refusal; `isLive`; `minute`, which changes as time goes on;
 * `readOlder()`; `close()`
 */
export function followLog(filters) {
  const entries = signal(undefined);
  const fresh = signal(0);
  const older = signal(false);
  const isReadingOlder = signal(false);
  const refused = signal(undefined);
  const isLive = signal(true);
  const minute = signal(0);
  const stop = new AbortController();
  let cursor = '';
  let last;
  let timer;
  let hasFailed = false;
  let isReading = false;

  const ask = async (others) => {
    const answer = await admin('GET', auditPath(filters, others), { signal: stop.signal });
    refused.value = answer.status === 200 ? undefined : answer;
    return answer.status === 200 ? answer.body : undefined;
  };

  const readOlder = async () => {
    if (isReadingOlder.peek()) return;
    isReadingOlder.value = true;
    try {
      const page = await ask(cursor ? { limit: PAGE, cursor } : { limit: PAGE });
      if (!page) return;
      cursor = page.next_cursor ?? '';
      last ??= page.head.number;
      batch(() => {
        entries.value = [...(entries.peek() ?? []), ...page.data];
        older.value = Boolean(page.next_cursor);
      });
    } finally {
      isReadingOlder.value = false;
    }
  };

  const readNew = async () => {
    let page;
    do {
      page = await ask({ limit: 100, after: last });
      if (!page) return;
      last = page.next_after;
      if (page.data.length > 0) {
        const newest = [...page.data].reverse();
        batch(() => {
          fresh.value += newest.length;
          entries.value = [...newest, ...entries.peek()].slice(0, MOST);
        });
      }
    } while (last < page.head.number);
  };

  const read = async () => {
    if (isReading || stop.signal.aborted) return;
    isReading = true;
    clearTimeout(timer);
    try {
      if (entries.peek() === undefined) await readOlder();
      else if (isLive.peek()) await readNew();
      hasFailed = false;
      minute.value = Math.floor(Date.now() / 30_000);
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof Unreachable)) throw error;
      hasFailed = true;
    } finally {
      isReading = false;
    }
    if (!stop.signal.aborted) timer = setTimeout(read, document.hidden ? EVERY_MS * 10 : EVERY_MS);
  };

  const unwatch = effect(() => {
    if (isReachable.value && hasFailed) queueMicrotask(read);
  });
  queueMicrotask(read);

  return {
    entries,
    fresh,
    older,
    isReadingOlder,
    refused,
    isLive,
    minute,
    read,
    readOlder,
    close() {
      stop.abort();
      clearTimeout(timer);
      unwatch();
    },
  };
}
