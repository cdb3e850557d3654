// Which client the views of the sandbox are about. They share the choice.

import { listClients } from '../../sandbox/administration.js';
import { html, nothing, signal } from '../../ui.js';

/** The client_id that is chosen, or ''. */
export const chosenClient = signal('demo-limited');

const clients = signal([]);

/** Reads the clients anew, each time that a view with a choice is opened. */
export async function readClients() {
  const { ids, hasMore } = await listClients().catch(() => ({ ids: [] }));
  if (ids.length === 0) return;
  const chosen = chosenClient.peek();
  const isThere = chosen === '' || ids.includes(chosen);
  clients.value = isThere || !hasMore ? ids : [chosen, ...ids];
  if (!isThere && !hasMore) [chosenClient.value] = ids;
}

/** For a view that is about one client: chooses one if none is. */
export function chooseSome() {
  readClients();
  chosenClient.value ||= clients.peek()[0] ?? 'demo-limited';
}

/** A choice of a client. With `any`, no client may be chosen, too. Without a list of clients it is a field. */
export function clientChoice({ id, label, any }) {
  const change = ({ target }) => { chosenClient.value = target.value.trim(); };
  const option = (value, text) => html`<option value=${value} ?selected=${value === chosenClient.value}>${text}</option>`;
  if (clients.value.length === 0) {
    return html`<label class="choice" for=${id}>${label}
      <input id=${id} .value=${chosenClient.value} @change=${change} autocomplete="off" spellcheck="false"></label>`;
  }
  return html`<label class="choice" for=${id}>${label} <select id=${id} @change=${change}>
    ${any ? option('', any) : nothing}${clients.value.map((client) => option(client, client))}
  </select></label>`;
}
