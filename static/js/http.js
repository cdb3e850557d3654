// Requests to this server. Each answer is a value, also a refusal; only a server that does not answer is an exception.

import { signal } from '../vendor/signals-core/signals-core.mjs';

/** Whether the last request got an answer: the page says so when not, and looks until it does. */
export const isReachable = signal(true);

/** No answer came: the server is down, or the network is. */
export class Unreachable extends Error {}

let watcher;

function watch() {
  watcher ??= setInterval(async () => {
    const answered = await fetch('/livez', { cache: 'no-store' }).then((response) => response.ok, () => false);
    if (answered) {
      clearInterval(watcher);
      watcher = undefined;
      isReachable.value = true;
    }
  }, 1000);
}

/**
 * Sends a request. `body` is sent as JSON unless it is text.
 *
 * @returns {Promise<{status: number, headers: [string, string][], requestId: string, text: string, body: any, milliseconds: number}>}
 * `body` is what the JSON of the answer says, or undefined.
 */
export async function send(method, path, { token, headers = {}, body, signal: stop } = {}) {
  // A parser of URLs reads \ as /, and leaves tabs out: only its own result says where a request goes.
  const url = new URL(path, location.origin);
  if (url.origin !== location.origin) throw new Error('the path leads to another server: requests go to this one alone');
  const fields = { ...headers };
  if (token) fields.Authorization = `Bearer ${token}`;
  const isText = typeof body === 'string';
  if (body !== undefined && !isText) fields['Content-Type'] ??= 'application/json';
  const started = performance.now();
  let response;
  let text;
  try {
    response = await fetch(url, {
      method,
      headers: fields,
      body: body === undefined || isText ? body : JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'manual',
      referrerPolicy: 'no-referrer',
      signal: stop,
    });
    text = await response.text();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    isReachable.value = false;
    watch();
    throw new Unreachable('The server does not answer.');
  }
  isReachable.value = true;
  const milliseconds = performance.now() - started;
  return {
    status: response.status,
    headers: [...response.headers],
    requestId: response.headers.get('x-request-id') ?? '',
    text,
    body: parsed(text),
    milliseconds,
  };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Requests a token. The answer is as of `send`. */
export function requestToken({ clientId, clientSecret, audience, scope }) {
  const body = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret };
  if (audience) body.audience = audience;
  if (scope) body.scope = scope;
  return send('POST', '/oauth2/token', { body });
}

/** What an answer that is a refusal says, in a sentence. */
export function fault(answer) {
  return answer.body?.detail ?? answer.body?.error_description ?? `The server answered ${answer.status}.`;
}
