// The clock of the sandbox, and the life of a client by it.

import { bands } from '../bands.js';
import { computed, html } from '../ui.js';
import { go } from './router.js';
import { chooseSome, chosenClient, clientChoice } from './sandbox/client-choice.js';

/** Within the console: another page would lose who has signed in. */
const pathOf = (id) => `/console/requests/${encodeURIComponent(id)}`;

export function open() {
  chooseSome();
  const client = computed(() => (chosenClient.value ? { clientId: chosenClient.value } : null));
  const token = computed(() => null);
  const { view, close } = bands({ client, token, href: pathOf, open: (id) => go(pathOf(id)) });
  return {
    close,
    view: () => html`<div class="toolbar"><h1>Clock</h1>${clientChoice({ id: 'clock-client', label: 'Client' })}</div>
      <p class="hint">The whole gate goes by one clock. It goes forward alone; a <a href="/console/snapshots">snapshot</a> takes it back.</p>
      ${view()}`,
  };
}
