// Why a request was answered so: the walk of each, as the server explains it. A sandbox explains every request to who runs it;
// any server explains to a client its own refusals.

import { facts } from '../facts.js';
import { requestToken, send } from '../http.js';
import { control, controlToken } from '../session.js';
import { signal } from '../ui.js';
import { client as chosen, tokenOf } from './state.js';

const RETRIES = 4;
const RETRY_MS = 80;
const MOST = 50;

/** By the number of a request: `{ explanation, fault }`, `{ unknown }`, or nothing while it is asked. */
export const explanations = signal(new Map());

const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

let asked;

/** The control token, if the sandbox gives it to this page. */
async function mayControl() {
  if (!facts.isSandbox) return false;
  asked ??= import('../console/control.js').then(({ askForControl }) => askForControl());
  await asked;
  return controlToken.peek() !== null;
}

/** What the journal of a sandbox has. It has a request shortly after its answer. */
async function fromJournal(requestId) {
  for (let attempt = 0; attempt < RETRIES; attempt += 1) {
    const { status, body } = await control('GET', `/sandbox/requests/${encodeURIComponent(requestId)}/why`);
    if (status === 200) return { explanation: body.explanation, fault: body.fault };
    await pause(RETRY_MS * (attempt + 1));
  }
  return undefined;
}

/** What really gets a token for the client of a request: that request may have had a wrong secret, or too much scope. */
function credentialsOf(of) {
  const own = chosen.peek();
  return own?.clientId === of.clientId ? own : { ...of, scope: undefined };
}

/** What a client learns of its own refusal. Its token may be what was refused, so it asks with another one if it must. */
async function fromOwnRefusals(requestId, of) {
  const path = `/oauth2/refusals/${encodeURIComponent(requestId)}`;
  const held = tokenOf(of)?.token;
  const answer = held && await send('GET', path, { token: held });
  if (answer && answer.status !== 401) return answer.status === 200 ? { explanation: answer.body.explanation } : undefined;
  const issued = await requestToken(credentialsOf(of));
  const again = issued.status === 200 && await send('GET', path, { token: issued.body.access_token });
  return again && again.status === 200 ? { explanation: again.body.explanation } : undefined;
}

/** A request that passed all gates, of which nobody tells the page more. */
const PASSED = { explanation: { checks: [], nearest: [], passed: true } };

async function explain({ answer, client }) {
  if (await mayControl()) {
    const found = await fromJournal(answer.requestId);
    if (found) return found;
  }
  if (answer.status < 400) return PASSED;
  const found = await fromOwnRefusals(answer.requestId, client);
  if (found) return found;
  // The fields of the limits are in the answers to requests that came to the limits. What a limit or the scope refused is found.
  return answer.headers.some(([name]) => name === 'ratelimit') ? PASSED : { unknown: true };
}

const pending = new Set();

/** Asks why, once for each request. */
export async function askWhy(call) {
  if (explanations.peek().has(call.number) || pending.has(call.number)) return;
  pending.add(call.number);
  const found = await explain(call).catch(() => undefined);
  pending.delete(call.number);
  // A server that did not answer is asked again when the request is shown again.
  if (found) explanations.value = new Map([...explanations.peek(), [call.number, found]].slice(-MOST));
}
