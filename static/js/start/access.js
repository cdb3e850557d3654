// Tokens and calls: each is sent, and recorded with all that its answer and its code are made from.

import { facts } from '../facts.js';
import { Unreachable, send } from '../http.js';
import { decoded } from '../jwt.js';
import { batch } from '../ui.js';
import { follow } from './clock.js';
import { busy, client, keepToken, notice, record, tokenOf, tokens } from './state.js';

export const PARTNER_AUDIENCE = 'public.api.passportinc.com';
const ADMIN_AUDIENCE = 'admin.api.boomgate';
const TOKEN_PATH = '/oauth2/token';

const audienceOf = (path, of) => (/^\/(admin|metrics)(\/|\?|$)/.test(path) ? ADMIN_AUDIENCE : of.audience);

async function exchange({ method, path, headers = {}, body, ...shown }, options) {
  const answer = await send(method, path, { headers, body, ...options });
  follow(answer);
  return { method, path, headers, body, ...shown, answer };
}

/**
 * Requests a token, and keeps it.
 *
 * @param {object} of `clientId`, `clientSecret`, `audience`, and `scope` for less than all
 * @returns {Promise<object>} the recorded request
 */
export async function getToken(of) {
  const { clientId, clientSecret, audience, scope } = of;
  const body = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, audience };
  if (scope) body.scope = scope;
  const call = record(await exchange({ kind: 'token', method: 'POST', path: TOKEN_PATH, body, client: of }));
  const token = call.answer.body?.access_token;
  if (call.answer.status === 200 && token) keepToken(of, { token, claims: decoded(token).claims });
  return call;
}

/** The token that the page has for a client, or a new one. Undefined if the server gives none: the recorded request says why. */
export async function token(of) {
  if (!tokenOf(of)) await getToken(of);
  return tokenOf(of)?.token;
}

/**
 * Calls the API.
 *
 * @param {object} call `method`, `path`, `headers`, `body`
 * @param {object} [options]
 * @param {object} [options.as] the client; the one that the page acts for by default
 * @param {(token: string) => string|undefined} [options.altered] sends another token than the one that there is, or none
 * @param {boolean} [options.renews] gets a new token and sends again if the token that the page has is refused
 * @param {boolean} [options.isQuiet] does not record it
 * @returns {Promise<object|undefined>} the request with its answer; undefined if there was no token for it
 */
export async function call({ method, path, headers, body }, options = {}) {
  const { as = client.peek(), altered = (own) => own, renews = false, isQuiet = false } = options;
  const of = { ...as, audience: audienceOf(path, as) };
  const own = await token(of);
  if (!own) return undefined;
  const sent = altered(own);
  const mediaType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const fields = body === undefined ? headers : { 'Content-Type': mediaType, ...headers };
  const request = { kind: 'call', method, path, headers: fields, body, token: sent, client: of };
  const made = await exchange(request, { token: sent });
  if (made.answer.status === 401 && sent === own && renews) {
    if (tokenOf(of)?.token === own) forget(of);
    return call({ method, path, headers, body }, { as, isQuiet });
  }
  return isQuiet ? made : record(made);
}

/** Forgets the token that the page has for a client. */
export function forget(of) {
  const held = tokenOf(of);
  tokens.value = new Map([...tokens.peek()].filter(([, other]) => other !== held));
}

/** Does something that its button shows as busy. A server that does not answer is said in the banner. */
export async function run(name, action) {
  if (busy.peek()) return;
  batch(() => {
    busy.value = name;
    notice.value = '';
  });
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Unreachable)) notice.value = `This could not be done: ${error.message}`;
  } finally {
    busy.value = undefined;
  }
}

/** Whom the form of the page names: a demo client, or credentials. */
export function entered(form) {
  const fields = new FormData(form);
  if (fields.get('who')) return actor(fields.get('who'));
  const text = (name) => fields.get(name).trim();
  return { clientId: text('client_id'), clientSecret: text('client_secret'), audience: text('audience'), isDemo: false };
}

/** A demo client of the sandbox; elsewhere the client whose credentials were entered. */
export function actor(demo) {
  const input = facts.isSandbox && document.querySelector(`#client [name="who"][value="${demo}"]`);
  return input ? { clientId: demo, clientSecret: input.dataset.secret, audience: PARTNER_AUDIENCE, isDemo: true } : client.peek();
}
