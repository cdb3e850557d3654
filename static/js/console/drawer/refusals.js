// The last refusals of a server, read again every few seconds, as lines of the drawer.

import { Unreachable, isReachable, send } from '../../http.js';
import { administrator } from '../../session.js';
import { effect, signal } from '../../ui.js';

const READ_INTERVAL_MS = 3_000;
const PATH = '/admin/refusals?limit=100';

/** A refusal as the journal would have it. The time that it took is not known. */
const line = (refusal, index, all) => ({
  ...refusal,
  number: all.length - index,
  client: refusal.client_id ?? refusal.named_client_id ?? null,
  query: null,
  fault: null,
  duration_ms: null,
});

/** The lines, a signal, the newest first; `stop()` ends the reading. */
export function watchRefusals() {
  const lines = signal([]);
  const stop = effect(() => {
    // Without `admin()`: a reading in the background must not ask somebody to sign in.
    const token = administrator.value?.token;
    if (!token || !isReachable.value) return undefined;
    const read = async () => {
      if (document.hidden) return;
      try {
        const answer = await send('GET', PATH, { token });
        if (answer.status === 200) lines.value = answer.body.data.map(line);
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
      }
    };
    queueMicrotask(read);
    const timer = setInterval(read, READ_INTERVAL_MS);
    return () => clearInterval(timer);
  });
  return { lines, stop };
}
