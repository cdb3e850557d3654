// The control token of the sandbox: the server hands it to pages on its own machine, else it is pasted.

import { controlToken } from '../session.js';
import { send } from '../http.js';
import { html, nothing, signal } from '../ui.js';

const failure = signal('');
const isBusy = signal(false);

/** Asks the server for the token, which it gives to the pages of who runs it. */
export async function askForControl() {
  const answer = await send('GET', '/sandbox/control-token').catch(() => undefined);
  if (answer?.status === 200) controlToken.value = answer.body.control_token;
}

async function submit(event) {
  event.preventDefault();
  const token = new FormData(event.target).get('control_token').trim();
  isBusy.value = true;
  // A token with a line break or the like cannot be a header field at all.
  const answer = await send('GET', '/sandbox/clock', { token }).catch(() => undefined);
  isBusy.value = false;
  failure.value = { 200: '', 401: 'This is not the control token of this sandbox. It changes when its data folder is removed.' }[answer?.status]
    ?? 'The server does not take this token.';
  if (answer?.status === 200) controlToken.value = token;
}

/** Asks for the control token. As a part of a page it has no heading of a page. */
export function controlForm({ isPart = false } = {}) {
  return html`${isPart ? nothing : html`<h1>Control of the sandbox</h1>`}
    <p>The clock, faults and the journal need the control token. It is in a file whose path the sandbox printed when it started.</p>
    <form class="stack" @submit=${submit}>
      <div class="field">
        <label for="control-token">Control token</label>
        <input id="control-token" name="control_token" type="password" autocomplete="off" required spellcheck="false"
          aria-describedby="control-token-hint control-token-error">
        <p class="hint" id="control-token-hint"><code>cat data/sandbox-token</code> prints it.</p>
        <p class="error" id="control-token-error" role="alert">${failure.value}</p>
      </div>
      <button ?disabled=${isBusy.value}>Go on</button>
    </form>`;
}
