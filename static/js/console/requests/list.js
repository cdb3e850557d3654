// Requests as a list of lines: each opens why.

import { repeat } from '../../../vendor/lit-html/directives/repeat.js';
import { facts } from '../../facts.js';
import { dataTable } from '../../sandbox/pieces.js';
import { html, nothing } from '../../ui.js';
import { outside } from '../parts.js';
import { statusChip, target } from './detail.js';

/** The most lines on the page at once. */
export const MOST_LINES = 200;

/** Only a sandbox disturbs requests. What there is no room for is hidden. */
const COLUMNS = [['UTC'], ['Status'], ['Request'], ['Client', 'more'], ['ms', 'num more'], [facts.isSandbox ? 'Fault, reason' : 'Reason']];

/** A moment as `11-28 14:13:22`: the sandbox's clock leaves a day behind easily. */
const time = (text) => html`<span class="day">${text.slice(5, 10)}</span> ${text.slice(11, 19)}`;

function cause({ fault, reason }) {
  const badge = fault ? html`<span class="badge bad" title="A fault disturbed it">${fault.name}</span>` : nothing;
  return html`${badge} ${reason ?? (fault ? nothing : '–')}`;
}

function line(one, { chosen, open, href }) {
  const { request_id: id, at, client, duration_ms: duration } = one;
  const isOpen = id === chosen;
  const click = (event) => {
    if (!event.target.closest('a')) open(event, id);
  };
  return html`<tr aria-selected=${isOpen} @click=${click}>
    <td class="nowrap"><time datetime=${at} title=${at}>${time(at)}</time></td>
    <td>${statusChip(one.status)}</td>
    <th scope="row" class="mono clip"><a href=${href(id)} @click=${(event) => open(event, id)} aria-current=${isOpen ? 'true' : nothing}>
      ${one.method} ${target(one)}</a></th>
    <td class="clip more">${client ? outside(client) : '–'}</td>
    <td class="num more">${duration === null ? '–' : duration.toFixed(1)}</td>
    <td class="nowrap">${cause(one)}</td>
  </tr>`;
}

/**
 * @param {object[]} lines the newest first
 * @param {{ label: string, chosen: string, open: (event: Event, id: string) => void, href: (id: string) => string }} choice
 */
export function requestTable(lines, choice) {
  const rows = repeat(lines.slice(0, MOST_LINES), ({ number }) => number, (one) => line(one, choice));
  return dataTable({ label: choice.label, className: 'requests', columns: COLUMNS, rows });
}
