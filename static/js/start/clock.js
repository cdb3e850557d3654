// The clock of the server, as the field Date of its answers tells it. That of a sandbox can be elsewhere than ours, and jump.

import { send } from '../http.js';
import { computed, signal } from '../ui.js';

const POLL_INTERVAL_MS = 5000;
/** Date has whole seconds: less than this is no difference. */
const NOTICED_MS = 1500;

const ours = signal(Date.now());
/** How far the server's clock is ahead of ours, in milliseconds; undefined before its first answer. */
const ahead = signal(undefined);

/** The server's clock, in seconds; undefined before its first answer. */
export const now = computed(() => (ahead.value === undefined ? undefined : Math.floor((ours.value + ahead.value) / 1000)));

/** How far the server's clock is ahead of ours, in seconds: 0 if they agree. */
export const difference = computed(() => (Math.abs(ahead.value ?? 0) < 2 * NOTICED_MS ? 0 : Math.round(ahead.value / 1000)));

/** Takes the time from an answer. */
export function follow({ headers }) {
  const date = Date.parse(headers.find(([name]) => name === 'date')?.[1]);
  const found = date + 500 - Date.now();
  if (Number.isNaN(found)) return;
  if (ahead.peek() === undefined || Math.abs(found - ahead.peek()) > NOTICED_MS) ahead.value = found;
  ours.value = Date.now();
}

/** Asks the server for the time. If it does not answer, http.js says so and waits for it. */
export const askForTime = () => send('GET', '/livez').then(follow, () => undefined);

/** Lets the clock run while somebody sees it. */
export function runClock() {
  setInterval(() => { if (!document.hidden) ours.value = Date.now(); }, 1000);
  setInterval(() => { if (!document.hidden) askForTime(); }, POLL_INTERVAL_MS);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) askForTime(); });
  askForTime();
}
