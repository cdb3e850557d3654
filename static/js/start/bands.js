// The time bands of the client that the page acts for, below all else.

import { bands } from '../bands.js';
import { jumps } from '../sandbox/clock.js';
import { computed, effect, html, mount } from '../ui.js';
import { actor } from './access.js';
import { askForTime } from './clock.js';
import { calls, chosen, client, tokenOf } from './state.js';

/** Shows a request of this page above, and one that this page did not send on its own page. */
function open(requestId) {
  const call = calls.peek().find(({ answer }) => answer.requestId === requestId);
  if (!call) {
    location.assign(`/why/${encodeURIComponent(requestId)}`);
    return;
  }
  chosen.value = call.number;
  document.getElementById('answer').focus();
}

/** Shows them in `place`. */
export function showBands(place) {
  const of = computed(() => client.value ?? actor('demo-reader'));
  const token = computed(() => {
    const held = tokenOf(of.value);
    return held ? { accessToken: held.token, claims: held.claims } : null;
  });
  const { view } = bands({ client: of, token, open });
  mount(place, () => html`<h2>Move time</h2>
    <p class="hint">What <strong>${of.value.clientId}</strong> has, and each of its requests as a dot. Move the clock
      past midnight: the token expires, and the quota is full again.</p>
    ${view()}`);
  effect(() => { if (jumps.value.length) askForTime(); });
}
