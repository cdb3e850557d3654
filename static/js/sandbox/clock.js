// The clock of the sandbox, as this page follows it. Between two answers of the server it runs on by itself.

import { isReachable } from '../http.js';
import { control, controlToken } from '../session.js';
import { batch, effect, signal } from '../ui.js';
import { stamp } from './times.js';

const POLL_INTERVAL_MS = 4_000;
/** A step that is longer than this, between what was expected and what the server says, is a jump. */
const JUMP_MS = 2_500;
const MOST_JUMPS = 12;

/**
 * What the server last said: `{ base, at, frozen }`, or null before its first answer. `base` is the time of the sandbox at
 * `at`, by `performance.now()`; both are in milliseconds.
 */
export const clock = signal(null);
/** Each jump that this page has seen, the latest last: `{ from, to }`. */
export const jumps = signal([]);

/** The time of the sandbox in milliseconds since 1970; undefined before the first answer. */
export function sandboxNow() {
  const { base, at, frozen } = clock.value ?? {};
  if (base === undefined) return undefined;
  return frozen ? base : base + performance.now() - at;
}

/** The server says whole seconds. The page knows more where both are on one machine, or where it has followed the clock. */
function estimate(answer, expected) {
  const earliest = Date.parse(answer.now);
  if (answer.frozen) return earliest;
  const latest = earliest + 999;
  if (expected >= earliest - 200 && expected <= latest + 500) return expected;
  const isSameMachine = Math.abs(Date.now() - Date.parse(answer.real_now)) < 2_000;
  const likely = isSameMachine ? Date.now() + answer.shifted_by_s * 1_000 : earliest + 500;
  return Math.min(Math.max(likely, earliest), latest);
}

function take(answer) {
  const expected = sandboxNow();
  const base = estimate(answer, expected);
  batch(() => {
    clock.value = { base, at: performance.now(), frozen: answer.frozen };
    if (expected === undefined || Math.abs(base - expected) <= JUMP_MS) return;
    // A clock that went back is that of a snapshot: the jumps before are of another life.
    jumps.value = base < expected ? [] : [...jumps.value, { from: expected, to: base }].slice(-MOST_JUMPS);
  });
}

/** Asks the server for the time. Returns its answer. */
export async function readClock() {
  const answer = await control('GET', '/sandbox/clock');
  if (answer.status === 200) take(answer.body);
  return answer;
}

async function change(path, body) {
  const answer = await control('POST', path, { body });
  if (answer.status === 200) take(answer.body);
  return answer;
}

/** Moves the clock forward by a span such as `15m`. */
export function advanceClock(by) {
  return change('/sandbox/clock/advance', { by });
}

/** Moves the clock forward to a moment, in milliseconds since 1970. */
export function setClock(to) {
  return change('/sandbox/clock/set', { to: stamp(to) });
}

export function freezeClock() {
  return change('/sandbox/clock/freeze');
}

export function resumeClock() {
  return change('/sandbox/clock/resume');
}

let watchers = 0;
let stopPolling;

function poll() {
  return effect(() => {
    if (!controlToken.value || !isReachable.value) return undefined;
    const read = () => document.hidden || readClock().catch(() => {});
    read();
    const timer = setInterval(read, POLL_INTERVAL_MS);
    document.addEventListener('visibilitychange', read);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', read);
    };
  });
}

/** Follows the clock until the returned function is called. */
export function watchClock() {
  watchers += 1;
  stopPolling ??= poll();
  return () => {
    watchers -= 1;
    if (watchers > 0) return;
    stopPolling();
    stopPolling = undefined;
  };
}
