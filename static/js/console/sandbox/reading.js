// Something of the sandbox that a view shows, read again every few seconds while the page is seen.

import { Unreachable, isReachable } from '../../http.js';
import { control } from '../../session.js';
import { effect, signal } from '../../ui.js';
import { loading, refusal } from '../parts.js';

/**
 * @param {() => string} path may read signals: what is shown is read anew when one changes
 * @param {{ every?: number }} [options] milliseconds after which to read again
 * @returns `body`, a signal, undefined before the first answer; `read()`; `state()`, the template while there is no body;
 * `close()`
 */
export function reading(path, { every } = {}) {
  const body = signal(undefined);
  const refused = signal(undefined);
  let stopped = false;
  let current = 0;

  async function read() {
    const mine = current += 1;
    try {
      const answer = await control('GET', path());
      if (stopped || mine !== current) return;
      refused.value = answer.status === 200 ? undefined : answer;
      if (answer.status === 200) body.value = answer.body;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
    }
  }

  const stop = effect(() => {
    path();
    if (!isReachable.value) return undefined;
    queueMicrotask(read);
    const timer = every && setInterval(() => document.hidden || read(), every);
    return () => clearInterval(timer);
  });
  return {
    body,
    read,
    state: () => (refused.value ? refusal(refused.value, read) : body.value === undefined ? loading() : undefined),
    close() {
      stopped = true;
      stop();
    },
  };
}
