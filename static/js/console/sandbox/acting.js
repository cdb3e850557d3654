// What a view of the sandbox does: it sends a request, shows that it is busy, and then what came of it.

import { Unreachable } from '../../http.js';
import { control } from '../../session.js';
import { html, nothing, signal } from '../../ui.js';
import { refusal } from '../parts.js';

/** A refused request, or what is wrong without an answer. */
function complaint(refused) {
  if (!refused) return nothing;
  return refused.status ? refusal(refused) : html`<p class="banner bad" role="alert">${refused.text}</p>`;
}

/**
 * Actions of a view, one at a time.
 *
 * @returns `send(method, path, body)`, which resolves to the answer if it is none of a refusal; `isBusy`, a signal;
 * `say(text)`, which tells what came of it; and `outcome()`, the template of that, or of the refusal.
 */
export function acting() {
  const isBusy = signal(false);
  const said = signal('');
  const refused = signal(undefined);
  return {
    isBusy,
    async send(method, path, body) {
      isBusy.value = true;
      said.value = '';
      refused.value = undefined;
      try {
        const answer = await control(method, path, { body });
        if (answer.status < 300) return answer;
        refused.value = answer;
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        refused.value = { text: 'The server does not answer, so nothing was changed.' };
      } finally {
        isBusy.value = false;
      }
      return undefined;
    },
    say(text) { said.value = text; },
    outcome: () => html`<div class="outcome" role="status">${said.value ? html`<p class="banner ok">${said.value}</p>` : nothing}</div>${complaint(refused.value)}`,
  };
}
