// What an operator does to a client from its page, each in a dialog that says first what it does.

import { html, nothing, signal } from '../../ui.js';
import { counted, span } from '../parts.js';
import { act } from './act.js';

const path = (id, rest = '') => `/admin/clients/${encodeURIComponent(id)}${rest}`;

const DAY_S = 86_400;
/** How long the secrets before a new one may still work, in seconds. */
const OVERLAPS = [
  [0, 'Not at all', 'the secret was stolen'],
  [3_600, '1 hour', 'you change it yourself, now'],
  [DAY_S, '1 day', 'its operator changes it today'],
  [7 * DAY_S, '7 days', ''],
  [30 * DAY_S, '30 days', 'the longest'],
];

/** Suspends a client. */
export function suspend({ client_id: id }) {
  return act({
    id,
    title: 'Suspend this client?',
    text: () => html`<p>It gets no tokens, and every request with a token that it has gets 401, from the next one on. You can resume it at
      any time: the tokens that have not expired by then work again.</p>`,
    button: 'Suspend',
    isDangerous: true,
    request: () => ({ method: 'PATCH', path: path(id), body: { status: 'suspended' }, boomgate: ['client', 'suspend', id] }),
  });
}

/** Lets a suspended client call again. */
export function resume({ client_id: id }) {
  return act({
    id,
    title: 'Resume this client?',
    text: () => html`<p>It may get tokens and call again, from its next request on. Tokens of before that have not expired work again.
      If a secret or a token was stolen, rotate the secret and revoke the tokens first.</p>`,
    button: 'Resume',
    request: () => ({ method: 'PATCH', path: path(id), body: { status: 'active' }, boomgate: ['client', 'resume', id] }),
  });
}

/** Revokes all tokens of a client. */
export function revokeTokens({ client_id: id }) {
  return act({
    id,
    title: 'Revoke its tokens?',
    text: () => html`<p>Every token that it has is refused with 401 from the next request on. It can get new ones at once: a client that
      handles 401 asks for one and goes on. If its secret was stolen, rotate the secret first.</p>`,
    button: 'Revoke all tokens',
    isDangerous: true,
    request: () => ({ method: 'POST', path: path(id, '/revoke-tokens'), boomgate: ['client', 'revoke-tokens', id] }),
  });
}

/** Deletes a client. */
export function remove({ client_id: id, client_name: name }) {
  return act({
    id,
    title: 'Delete this client?',
    text: () => html`<p><bdi class="name">${name}</bdi> is deleted with its secrets, its usage and the zones that it created. Its tokens are
      refused from the next request on. <strong>This cannot be undone.</strong> To stop it for a while, suspend it.</p>`,
    button: 'Delete',
    isDangerous: true,
    typed: id,
    request: () => ({ method: 'DELETE', path: path(id), boomgate: ['client', 'remove', id] }),
  });
}

/** Deletes a secret of a client. */
export function removeSecret({ client_id: id }, secret) {
  return act({
    id,
    title: 'Delete this secret?',
    text: () => html`<p>The secret with the fingerprint <code>${secret.fingerprint}</code> gets no token from now on. Tokens that it got
      before live on: revoke them if it was stolen. The server refuses to delete the last secret that works.</p>`,
    button: 'Delete the secret',
    isDangerous: true,
    request: () => ({ method: 'DELETE', path: path(id, `/secrets/${secret.secret_id}`) }),
  });
}

/** Gives a client a new secret. The answer has it. */
export function rotate(client) {
  const { client_id: id } = client;
  const overlap = signal(DAY_S);
  const live = client.secrets.length;
  const choice = ([seconds, label, why]) => html`<label class="choice"><input type="radio" name="overlap" .checked=${overlap.value === seconds}
    @change=${() => { overlap.value = seconds; }}> <span>${label}${why ? html` <span class="hint">${why}</span>` : nothing}</span></label>`;
  return act({
    id,
    title: 'Rotate the secret',
    text: () => html`<p>The server makes a new secret, and shows it once. It works at once, beside ${counted(live, 'secret')} that it has now.</p>
      <fieldset class="stack tight"><legend>How long the old one still works</legend>${OVERLAPS.map(choice)}</fieldset>
      <p class="note ${overlap.value === 0 ? 'bad' : 'ok'}">${overlap.value === 0
        ? 'The client gets no new token until it has the new secret. Tokens that it has live on.'
        : `Both work for ${span(overlap.value)}, so the client never stands still.`}</p>
      ${live > 1 && overlap.value > 0 ? html`<p class="note warn">A client has at most two secrets. It has two: delete the older one first, or let the old ones end at once.</p>` : nothing}`,
    button: 'Make a new secret',
    isDangerous: false,
    request: () => ({
      method: 'POST',
      path: path(id, '/secrets'),
      body: { previous_expires_in: overlap.value },
      boomgate: ['client', 'rotate-secret', id, '--previous-expires-in', String(overlap.value)],
    }),
  });
}

/** Withdraws the report that a client has shown. */
export function withdrawReport({ client_id: id, report_required: isRequired }) {
  return act({
    id,
    title: 'Withdraw its report?',
    text: () => html`<p>The server forgets the report of the exam that this client has shown.
      ${isRequired ? 'A report is required of it, so its limits are lower from the next request on, until it shows one again.' : 'No report is required of it, so its limits stay.'}</p>`,
    button: 'Withdraw',
    isDangerous: true,
    request: () => ({ method: 'DELETE', path: path(id, '/report') }),
  });
}
