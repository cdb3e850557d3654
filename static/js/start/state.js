// What the start page knows: whom it acts for, the tokens that it has, and the last requests that it sent. All of it is in
// memory, and has a bound.

import { computed, signal } from '../ui.js';

const MOST_CALLS = 50;
const MOST_TOKENS = 20;

/** Whom the page acts for: `{ clientId, clientSecret, audience, isDemo }`, or null before the form was sent. */
export const client = signal(null);
/** Tokens by client, audience and scope: `{ token, claims }` each, the newest last. */
export const tokens = signal(new Map());
/** The last requests, the newest first. */
export const calls = signal([]);
/** The number of the request that is shown; undefined for the newest. */
export const chosen = signal(undefined);
/** What is being done, as the name of its button; undefined while nothing is. */
export const busy = signal(undefined);
/** Why something could not be tried at all. */
export const notice = signal('');
/** Whether code and requests show the token and the secret. */
export const revealed = signal(false);
/** The language in which code is shown. */
export const language = signal('curl');

export const shown = computed(() => calls.value.find(({ number }) => number === chosen.value) ?? calls.value[0]);

const keyOf = ({ clientId, audience, scope }) => [clientId, audience, scope ?? ''].join('\n');

/** The token that the page has for a client; undefined if it has none. */
export const tokenOf = (of) => tokens.value.get(keyOf(of));

export function keepToken(of, token) {
  const kept = new Map(tokens.peek());
  kept.delete(keyOf(of));
  kept.set(keyOf(of), token);
  if (kept.size > MOST_TOKENS) kept.delete(kept.keys().next().value);
  tokens.value = kept;
}

let count = 0;

/** Adds a request to those that are shown, and shows it. */
export function record(call) {
  count += 1;
  const recorded = { ...call, number: count };
  calls.value = [recorded, ...calls.peek()].slice(0, MOST_CALLS);
  chosen.value = undefined;
  return recorded;
}
