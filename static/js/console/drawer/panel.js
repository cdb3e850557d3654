// What is in the drawer: lines that each open why, and a filter.

import { facts } from '../../facts.js';
import { administrator, control, controlToken, admin } from '../../session.js';
import { entries, journalState, watchJournal } from '../../sandbox/journal.js';
import { html, mount, nothing, signal } from '../../ui.js';
import { controlForm } from '../control.js';
import { filterFields } from '../requests/filter.js';
import { refusalDetail, requestDetail } from '../requests/detail.js';
import { requestTable } from '../requests/list.js';
import { openedRequest } from '../requests/opened.js';
import { NO_FILTER, wants } from '../requests/wanted.js';
import { watchRefusals } from './refusals.js';

const filter = signal(NO_FILTER);

/** The journal: the console of a sandbox controls it. */
function journal() {
  const stop = watchJournal();
  return {
    lines: () => entries.value,
    state: () => (journalState.value === 'live' ? html`<span class="badge ok">live</span>` : html`<span class="badge">${journalState.value}</span>`),
    lacks: () => (controlToken.value ? undefined : controlForm({ isPart: true })),
    ask: (id) => control('GET', `/sandbox/requests/${encodeURIComponent(id)}`),
    detail: requestDetail,
    href: (id) => `/console/requests/${encodeURIComponent(id)}`,
    stop,
  };
}

/** The refusals, which an administrator may read. */
function refusals() {
  const { lines, stop } = watchRefusals();
  return {
    lines: () => lines.value,
    state: () => nothing,
    lacks: () => (administrator.value ? undefined : html`<p class="hint">Sign in: an administrator may read the refusals.</p>`),
    ask: (id) => admin('GET', `/admin/refusals/${encodeURIComponent(id)}`),
    detail: refusalDetail,
    href: (id) => `/why/${encodeURIComponent(id)}`,
    stop,
  };
}

/** Opens what is in the drawer; `close` ends its stream. */
export function openPanel() {
  const source = facts.isSandbox ? journal() : refusals();
  const { id, open, view: detail } = openedRequest(source.ask, source.detail);
  const place = document.createElement('div');
  place.className = 'lines';

  const choose = (event, wanted) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(wanted);
  };
  const closeDetail = () => {
    const line = place.querySelector('a[aria-current]');
    open('');
    line?.focus();
  };
  const stopDrawing = mount(place, () => {
    const lines = source.lines().filter((line) => wants(filter.value, line));
    if (lines.length === 0) return html`<p class="empty">${source.lines().length ? 'No request is like that.' : 'No request yet.'}</p>`;
    return requestTable(lines, { label: 'Lines of the drawer', chosen: id.value, open: choose, href: source.href });
  });

  return {
    bar: () => html`${source.state()}${source.lacks() ? nothing : filterFields(filter, 'drawer', 'Filter of the drawer')}`,
    view: () => source.lacks() ?? html`<div class="panes ${id.value ? 'two' : ''}">${place}${detail(closeDetail)}</div>`,
    close() {
      stopDrawing();
      source.stop();
    },
  };
}
