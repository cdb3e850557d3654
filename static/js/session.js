// Who the page acts for. Tokens are in memory alone: a reload forgets them, and so does their expiry.

import { batch, computed, signal } from '../vendor/signals-core/signals-core.mjs';
import { fault, requestToken, send } from './http.js';

const ADMIN_AUDIENCE = 'admin.api.boomgate';
/** setTimeout takes no more. */
const LONGEST_MS = 2 ** 31 - 1;

/** The administrator who has signed in: `{ clientId, token, scope, expiresAt }`, or null. `expiresAt` is in milliseconds. */
export const administrator = signal(null);
/** The client_id of the administrator whose token ended in the middle of work, or ''. The work goes on after the next sign-in. */
export const ended = signal('');
/** How many requests have asked for a token since the page began: each asks for another sign-in. */
export const asked = signal(0);
/** The token that controls the sandbox, or null. */
export const controlToken = signal(null);

export const mayWrite = computed(() => administrator.value?.scope.includes('write:admin') ?? false);

let expiry;
/** Requests that wait until somebody signs in again: each is called with whether the same administrator did. */
const waiting = new Set();

/** A sign-in that failed. `answer` is what the server said, and `isNoAdministrator` whether the credentials are right. */
export class SignInFault extends Error {
  constructor(answer, { isNoAdministrator = false, message = fault(answer) } = {}) {
    super(message);
    this.answer = answer;
    this.isNoAdministrator = isNoAdministrator;
  }
}

/** Signs an administrator in. Throws a `SignInFault` that says why not. */
export async function signIn(clientId, clientSecret) {
  const answer = await requestToken({ clientId, clientSecret, audience: ADMIN_AUDIENCE });
  if (answer.status !== 200) {
    throw new SignInFault(answer, { isNoAdministrator: answer.body?.error === 'invalid_target' });
  }
  const scope = (answer.body.scope ?? '').split(' ');
  if (!scope.includes('read:admin')) {
    throw new SignInFault(answer, { isNoAdministrator: true, message: 'Its scope does not have read:admin.' });
  }
  const lives = answer.body.expires_in * 1000;
  clearTimeout(expiry);
  expiry = setTimeout(end, Math.min(lives, LONGEST_MS));
  const isSame = clientId === ended.peek();
  batch(() => {
    administrator.value = { clientId, token: answer.body.access_token, scope, expiresAt: Date.now() + lives };
    ended.value = '';
  });
  settle(isSame);
}

export function signOut() {
  clearTimeout(expiry);
  batch(() => {
    administrator.value = null;
    ended.value = '';
  });
  settle(false);
}

/** Ends the session because its token has ended. The page keeps what it shows, and asks for another sign-in. */
function end() {
  if (!administrator.peek()) return;
  clearTimeout(expiry);
  batch(() => {
    ended.value = administrator.peek().clientId;
    administrator.value = null;
  });
}

function settle(isSame) {
  for (const resolve of waiting) resolve(isSame);
  waiting.clear();
}

/** Whether the administrator whose token ended has signed in again. */
function signedInAgain() {
  if (!ended.peek()) return Promise.resolve(false);
  asked.value += 1;
  return new Promise((resolve) => { waiting.add(resolve); });
}

/**
 * Sends a request of the administration. When the token has ended, the request waits until its administrator has signed in
 * again, and is sent then: a 401 has changed nothing. After a sign-out instead, the answer is the 401.
 */
export async function admin(method, path, options = {}) {
  if (!administrator.peek()) await signedInAgain();
  const token = administrator.peek()?.token;
  const answer = await send(method, path, { ...options, token });
  if (answer.status !== 401 || !token) return answer;
  if (administrator.peek()?.token === token) end();
  const goesOn = Boolean(administrator.peek()) || await signedInAgain();
  return goesOn ? admin(method, path, options) : answer;
}

/** Sends a request that controls the sandbox. */
export async function control(method, path, options = {}) {
  const answer = await send(method, path, { ...options, token: controlToken.value });
  if (answer.status === 401) controlToken.value = null;
  return answer;
}
