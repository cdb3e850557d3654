// The refusals that the server remembers: all of them, read page by page, and the new ones every few seconds.

import { Unreachable, isReachable } from '../../http.js';
import { admin } from '../../session.js';
import { effect, signal } from '../../ui.js';

const EVERY_MS = 5_000;
const PAGE = 100;
/** More are not counted: the server remembers a bounded number, a thousand by default. */
const MOST = 2_000;

/** What tells two refusals apart: a caller may choose the same id twice. */
const keyOf = (one) => JSON.stringify([one.at, one.request_id, one.reason, one.path, one.source]);

/**
 * @param {Record<string, string>} filters `client` and `reason`
 * @returns `refusals`, a signal of them, the newest first; undefined at first; `isComplete`; `refused`, the last answer that was
 * a refusal itself; `minute`, which changes as time goes on; `read()`; `close()`
 */
export function recentRefusals(filters) {
  const refusals = signal(undefined);
  const isComplete = signal(false);
  const refused = signal(undefined);
  const minute = signal(0);
  const stop = new AbortController();
  let timer;
  let isReading = false;
  let hasFailed = false;

  const page = async (cursor) => {
    const query = new URLSearchParams({ limit: PAGE, ...filters, ...(cursor ? { cursor } : {}) });
    const answer = await admin('GET', `/admin/refusals?${query}`, { signal: stop.signal });
    refused.value = answer.status === 200 ? undefined : answer;
    return answer.status === 200 ? answer.body : undefined;
  };

  /** Everything from the newest on, until one is reached that is there already. */
  const readNewest = async () => {
    const before = refusals.peek() ?? [];
    const known = new Set(before.map(keyOf));
    const newest = [];
    let cursor;
    do {
      const got = await page(cursor);
      if (!got) return;
      const at = got.data.findIndex((one) => known.has(keyOf(one)));
      newest.push(...(at < 0 ? got.data : got.data.slice(0, at)));
      cursor = at < 0 ? got.next_cursor : undefined;
      const isEnd = at < 0 && !got.next_cursor;
      refusals.value = [...newest, ...(isEnd ? [] : before)].slice(0, MOST);
    } while (cursor && newest.length < MOST);
    isComplete.value = true;
  };

  const read = async () => {
    if (isReading || stop.signal.aborted) return;
    isReading = true;
    clearTimeout(timer);
    try {
      await readNewest();
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
    refusals,
    isComplete,
    refused,
    minute,
    read,
    close() {
      stop.abort();
      clearTimeout(timer);
      unwatch();
    },
  };
}

/** The route of a path: what stands for an id in it is `{id}`, so that requests of one kind count together. */
export function routeOf({ method, path }) {
  const isId = (segment) => /^[\da-f]{8}-[\da-f]{4}-/i.test(segment) || /\d{4,}/.test(segment) || segment.length > 40;
  return `${method} ${path.split('/').map((segment) => (isId(segment) ? '{id}' : segment)).join('/')}`;
}

/** Groups, the largest first: `[name, refusals]` each. */
export function grouped(refusals, name) {
  const groups = new Map();
  for (const one of refusals) {
    const key = name(one);
    if (groups.has(key)) groups.get(key).push(one);
    else groups.set(key, [one]);
  }
  return [...groups].sort(([, some], [, others]) => others.length - some.length);
}
