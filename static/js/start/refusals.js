// What the buttons do that each provoke a refusal. Each sends what is really refused: nothing is made up, and nothing of the API
// changes.

import { facts } from '../facts.js';
import { actor, call, getToken } from './access.js';
import { client, notice, record, tokenOf } from './state.js';
import { newZone, someZone } from './zones.js';

const NO_ZONE = '/parking/zones/00000000-0000-4000-8000-000000000000';
/** The most requests with which a limit is looked for. */
const MOST = 60;

/** A token with another letter in its signature. */
function altered(token) {
  const at = token.length - 20;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

/** The client, with a token that has only the first word of its scope if it has more. */
async function withLessScope() {
  const as = actor('demo-reader');
  if (facts.isSandbox) return { as, method: 'POST' };
  if (!tokenOf(as)) await getToken(as);
  const scope = tokenOf(as)?.claims.scope ?? '';
  if (!scope.includes('write:zones')) return { as, method: 'POST' };
  return scope.includes('read:zones') ? { as: { ...as, scope: 'read:zones' }, method: 'POST' } : { as, method: 'GET' };
}

async function beyondScope() {
  const { as, method } = await withLessScope();
  return call({ method, path: '/parking/zones', body: method === 'POST' ? newZone() : undefined }, { as, renews: true });
}

const noZone = () => new Error('there is no zone yet, or the client may not read it: create one first');

/** A zone that exists already: its operator has the number. */
async function takenNumber() {
  const options = { as: actor('demo-writer'), renews: true };
  const listed = await call({ method: 'GET', path: '/parking/zones?limit=1' }, options);
  if (listed?.answer.status !== 200) return;
  const [zone] = listed.answer.body.data;
  if (!zone) throw noZone();
  const { number, name, operator_id, session_type, location } = zone;
  const body = JSON.stringify({ number, name, operator_id, session_type, location }, null, 2);
  await call({ method: 'POST', path: '/parking/zones', body }, options);
}

async function changedMeanwhile() {
  const options = { as: actor('demo-writer'), renews: true };
  const id = await someZone(options);
  if (!id) throw noZone();
  const headers = { 'If-Match': '"an-old-state"' };
  await call({ method: 'PATCH', path: `/parking/zones/${id}`, headers, body: '{ "name": "Quay 10" }' }, options);
}

/** More requests than the client may send at once. Of those, the page shows the first and one that was refused. */
async function tooMany() {
  const options = { as: actor('demo-limited'), renews: true };
  const request = { method: 'GET', path: '/parking/zones?limit=1' };
  const first = await call(request, options);
  if (!first || first.answer.status === 429) return;
  const policy = first.answer.headers.find(([name]) => name === 'ratelimit-policy')?.[1] ?? '';
  const burst = Number(/"second";q=(\d+)/.exec(policy)?.[1]);
  if (!(burst < MOST)) throw new Error(`the client may send ${burst || 'any number of'} requests at once, more than this page tries`);
  // While they are under way some come back to the client: half as many again are surely too many.
  const all = await Promise.all(Array.from({ length: Math.ceil(burst * 1.5) }, () => call(request, { ...options, isQuiet: true })));
  const refused = all.find((one) => one?.answer.status === 429);
  if (refused) record(refused);
  else notice.value = 'No request was refused: the limit of this client is not enforced, or the requests were too slow.';
}

const asReader = (request, options) => call(request, { as: actor('demo-reader'), renews: true, ...options });

/** What each button does, by its id. */
export const refusals = {
  'refuse-400': () => asReader({ method: 'GET', path: '/parking/zones?limit=many' }),
  'refuse-401': () => asReader({ method: 'GET', path: '/parking/zones' }, { altered }),
  'refuse-403': beyondScope,
  'refuse-404': () => asReader({ method: 'GET', path: NO_ZONE }),
  'refuse-409': takenNumber,
  'refuse-412': changedMeanwhile,
  'refuse-429': tooMany,
  // Only a sandbox reads this field.
  'refuse-503': () => asReader({ method: 'GET', path: '/parking/zones', headers: { Prefer: 'problem=unavailable' } }),
  'refuse-secret': () => getToken({ ...client.peek(), clientSecret: 'not-the-secret' }),
  'refuse-scope': () => getToken({ ...client.peek(), scope: 'fly:planes' }),
};
