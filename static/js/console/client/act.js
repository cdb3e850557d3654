// A dialog that does one thing to a client: what it does, the commands that do the same, and what the server says to it.

import { commands } from '../../commands.js';
import { Unreachable } from '../../http.js';
import { admin, administrator } from '../../session.js';
import { html, nothing, signal } from '../../ui.js';
import { openDialog } from '../dialog.js';
import { refusal } from '../parts.js';

/**
 * Asks, and sends the request.
 *
 * @param {object} action
 * @param {string} action.id the client
 * @param {string} action.title
 * @param {() => any} action.text a template that says what happens
 * @param {string} action.button
 * @param {() => { method: string, path: string, headers?: object, body?: object, boomgate?: string[] }} action.request
 * @param {boolean} [action.isDangerous]
 * @param {string} [action.typed] what has to be typed first, so that nobody does it by mistake
 * @returns {Promise<object|undefined>} the answer, if the server did it
 */
export function act({ id, title, text, button, request, isDangerous = false, typed }) {
  const answer = signal(undefined);
  const isBusy = signal(false);
  const isUnanswered = signal(false);
  const entered = signal('');

  return openDialog(title, (close) => {
    const submit = async (event) => {
      event.preventDefault();
      if (isBusy.peek() || (typed && entered.peek() !== typed)) return;
      isBusy.value = true;
      isUnanswered.value = false;
      try {
        const { method, path, headers = {}, body } = request();
        const isPatch = method === 'PATCH';
        const got = await admin(method, path, {
          headers: isPatch ? { ...headers, 'Content-Type': 'application/merge-patch+json' } : headers,
          body: isPatch ? JSON.stringify(body) : body,
        });
        if (got.status < 300) close(got);
        else answer.value = got;
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        isUnanswered.value = true;
      } finally {
        isBusy.value = false;
      }
    };
    const isSelf = administrator.value?.clientId === id;
    return html`<form class="stack" @submit=${submit}>
      <div class="stack tight">${text()}</div>
      ${isSelf ? html`<p class="banner warn">This is the client that you are signed in with.</p>` : nothing}
      ${typed ? html`<div class="field">
        <label for="typed">Type <code>${typed}</code> to go on</label>
        <input id="typed" class="code" .value=${entered.value} @input=${({ target }) => { entered.value = target.value.trim(); }} autocomplete="off"
          autocapitalize="off" spellcheck="false" autofocus>
      </div>` : nothing}
      <div aria-live="assertive">${refusal(answer.value)}
        ${isUnanswered.value ? html`<p class="banner bad">The server did not answer. Look whether it was done before you try again.</p>` : nothing}</div>
      ${commands(request())}
      <footer>
        <button type="button" class="quiet" @click=${() => close()}>Cancel</button>
        <button class=${isDangerous ? 'danger' : nothing} aria-busy=${isBusy.value} ?disabled=${Boolean(typed) && entered.value !== typed}>${button}</button>
      </footer>
    </form>`;
  });
}
