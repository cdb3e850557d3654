// The one request of a list that is open beside it, read from the server.

import { facts } from '../../facts.js';
import { Unreachable } from '../../http.js';
import { html, nothing, signal } from '../../ui.js';
import { loading, refusal } from '../parts.js';

/**
 * @param {(id: string) => Promise<object>} ask sends the request for what is shown, and resolves to its answer
 * @param {(body: object) => object} detail its template
 */
export function openedRequest(ask, detail) {
  const id = signal('');
  const answer = signal(undefined);

  async function open(wanted) {
    id.value = wanted;
    answer.value = undefined;
    if (!wanted) return;
    try {
      const came = await ask(wanted);
      if (id.peek() === wanted) answer.value = came;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      if (id.peek() === wanted) id.value = '';
    }
  }

  function view(close) {
    if (!id.value) return nothing;
    const { status, body } = answer.value ?? {};
    return html`<div class="detail" role="region" aria-label="Request ${id.value}" tabindex="-1">
      <div class="toolbar"><h2>${facts.isSandbox ? 'Why, and what was sent' : 'Why'}</h2><button type="button" class="quiet small" @click=${close}>Close</button></div>
      ${answer.value === undefined ? loading() : status === 200 ? detail(body) : refusal(answer.value)}
    </div>`;
  }

  return { id, open, view };
}
