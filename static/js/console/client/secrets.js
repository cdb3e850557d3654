// The secrets of a client: until when each works, and when it was last used.

import { mayWrite } from '../../session.js';
import { html, nothing } from '../../ui.js';
import { at, when } from '../parts.js';
import { removeSecret, rotate } from './actions.js';

/**
 * @param {object} client
 * @param {{ rotated: (answer: object) => void, changed: () => void }} then what to do after a change
 */
export function secretsOf(client, { rotated, changed }) {
  const remove = async (secret) => {
    if (await removeSecret(client, secret)) changed();
  };
  const make = async () => {
    const answer = await rotate(client);
    if (answer) rotated(answer);
  };
  return html`<section class="card stack tight" aria-labelledby="secrets">
    <div class="toolbar"><h2 id="secrets">Secrets</h2>
      ${mayWrite.value ? html`<button type="button" class="quiet" @click=${make}>Rotate the secret</button>` : nothing}</div>
    <div class="scroll" tabindex="0" role="region" aria-label="Table of the secrets">
      <table class="data"><caption class="visually-hidden">Secrets of this client</caption>
        <thead><tr><th scope="col">Fingerprint</th><th scope="col">Works</th><th scope="col">Made</th><th scope="col">Last used</th><th scope="col"><span class="visually-hidden">Actions</span></th></tr></thead>
        <tbody>${client.secrets.map((secret) => html`<tr>
          <th scope="row"><code>${secret.fingerprint}</code></th>
          <td>${standing(secret)}</td>
          <td>${when(secret.created_at)}</td>
          <td>${when(secret.last_used_at)}</td>
          <td class="num">${mayWrite.value && client.secrets.length > 1 ? html`<button type="button" class="quiet danger small" @click=${() => remove(secret)}
            aria-label="Delete the secret ${secret.fingerprint}">Delete</button>` : nothing}</td></tr>`)}</tbody></table></div>
    <p class="hint">The server stores a digest of each secret, and shows its fingerprint: equal secrets have equal fingerprints.
      ${client.retired_secrets.length ? html`Retired, and refused for good: ${client.retired_secrets.map((one, index) => html`${index ? ', ' : ''}<code>${one}</code>`)}.` : nothing}</p>
  </section>`;
}

function standing({ expires_at: end }) {
  return end ? html`<span class="badge warn">until</span> ${at(end)}` : html`<span class="badge ok">without an end</span>`;
}
