// The fields of a filter of requests: by client, status, method and a part of the path.

import { facts } from '../../facts.js';
import { html } from '../../ui.js';

const STATUSES = [['', 'every status'], ['2xx', '2xx'], ['4xx', '4xx'], ['5xx', '5xx'], ['401', '401'], ['403', '403'], ['429', '429']];
/** Only a sandbox disturbs requests. */
const OF_SANDBOX = [['none', 'no answer'], ['fault', 'by a fault']];
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** The fields of a filter, in a signal. `id` and `label` tell the fields of two lists apart. */
export function filterFields(filter, id, label = 'Filter') {
  const set = (name) => ({ target }) => { filter.value = { ...filter.peek(), [name]: target.value.trim() }; };
  const select = (name, label, options) => html`<select aria-label=${label} @change=${set(name)}>
    ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === filter.value[name]}>${text}</option>`)}</select>`;
  const input = (type, name, text) => html`<input type=${type} id="${id}-${name}" aria-label=${text} placeholder=${text}
    .value=${filter.value[name]} @input=${set(name)} autocomplete="off" spellcheck="false">`;
  return html`<div class="filter row" role="search" aria-label=${label}>
    ${input('search', 'path', 'Path or request id')}${input('text', 'client', 'Client')}
    ${select('method', 'Method', [['', 'every method'], ...METHODS.map((method) => [method, method])])}
    ${select('status', 'Status', facts.isSandbox ? [...STATUSES, ...OF_SANDBOX] : STATUSES)}
  </div>`;
}
