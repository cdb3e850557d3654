// Something that a view reads from the server, and reads again: after a change, each few seconds, or once the server answers
// again. What was read stays shown meanwhile.

import { Unreachable, isReachable } from '../http.js';
import { admin } from '../session.js';
import { effect, signal } from '../ui.js';

/** Calls `callback` each time that the server answers again after it did not. Returns what ends this. */
export function onReturn(callback) {
  let wasReachable = isReachable.peek();
  return effect(() => {
    const isBack = isReachable.value && !wasReachable;
    wasReachable = isReachable.value;
    if (isBack) queueMicrotask(callback);
  });
}

/**
 * @param {string | (() => string)} path
 * @param {{ every?: number }} [options] `every`: milliseconds after which to read again
 * @returns `state`, a signal of `{ body, etag, refused }`: what was last read, and the last answer if it was a refusal;
 * `read()`, which reads at once; `put(answer)`, which takes an answer to a change as what was read; `close()`.
 */
export function resource(path, { every } = {}) {
  const state = signal({ body: undefined, etag: '', refused: undefined });
  const stop = new AbortController();
  let isReading = false;
  let hasFailed = false;
  /** What does not exist is not asked for again and again. */
  let isGone = false;
  let timer;

  const put = (answer) => {
    const etag = answer.headers.find(([name]) => name === 'etag')?.[1] ?? '';
    state.value = answer.status < 300 ? { body: answer.body, etag, refused: undefined } : { ...state.peek(), refused: answer };
  };

  const read = async () => {
    if (isReading || stop.signal.aborted) return;
    isReading = true;
    clearTimeout(timer);
    try {
      const answer = await admin('GET', typeof path === 'function' ? path() : path, { signal: stop.signal });
      hasFailed = false;
      isGone = answer.status === 404;
      if (!stop.signal.aborted) put(answer);
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof Unreachable)) throw error;
      hasFailed = true;
    } finally {
      isReading = false;
    }
    if (every && !isGone && !stop.signal.aborted) timer = setTimeout(read, document.hidden ? every * 10 : every);
  };

  const unwatch = onReturn(() => { if (hasFailed) read(); });
  queueMicrotask(read);
  return {
    state,
    read,
    put,
    close() {
      stop.abort();
      clearTimeout(timer);
      unwatch();
    },
  };
}
