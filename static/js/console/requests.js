// Requests: the journal of the sandbox, live. Its filter and its pause stay while other views are shown.

import { commands } from '../commands.js';
import { control } from '../session.js';
import { clearJournal, entries, hasOlder, journalState, loadOlder, missed, watchJournal } from '../sandbox/journal.js';
import { html, mount, nothing, signal } from '../ui.js';
import { ask } from './dialog.js';
import { counted, loading, number } from './parts.js';
import { filterFields } from './requests/filter.js';
import { requestDetail } from './requests/detail.js';
import { MOST_LINES, requestTable } from './requests/list.js';
import { openedRequest } from './requests/opened.js';
import { NO_FILTER, flagsOf, queryOf, wants } from './requests/wanted.js';

const filter = signal(NO_FILTER);
/** The lines that stand while the list is paused; null while it runs. */
const paused = signal(null);

const pathOf = (id) => `/console/requests/${encodeURIComponent(id)}`;
const requestOf = (id) => `/sandbox/requests/${encodeURIComponent(id)}`;

function state() {
  if (!paused.value) return html`<span class="badge ${journalState.value === 'live' ? 'ok' : ''}">${journalState.value}</span>`;
  const came = Math.max(0, (entries.value[0]?.number ?? 0) - (paused.value[0]?.number ?? 0));
  return html`<span class="badge warn">paused${came ? `, ${number(came)} more came` : nothing}</span>`;
}

function nothingFits(count) {
  return html`<div class="empty"><h2>No request is like that</h2>
    <p>${count === 1 ? 'One request of the journal does' : `${number(count)} requests of the journal do`} not fit the filter.</p>
    <button type="button" class="quiet" @click=${() => { filter.value = NO_FILTER; }}>Show all</button></div>`;
}

const noneYet = html`<div class="empty"><h2>No request yet</h2>
  <p>Send one, or get a token on <a href="/" target="_blank" rel="noopener">the start page</a>: it appears here as soon as it is answered.</p></div>`;

/** How many requests the list has, and the way to older ones. */
function below(count) {
  const shown = count > MOST_LINES ? `The newest ${MOST_LINES} of ${number(count)} that fit.` : counted(count, 'request');
  const lost = missed.value ? ` ${counted(missed.value, 'request')} had to make room before this page got them.` : nothing;
  const older = hasOlder.value && !paused.value
    ? html`<button type="button" class="quiet small" @click=${loadOlder}>Read older ones</button>`
    : nothing;
  return html`<p class="hint row">${shown}${lost} ${older}</p>`;
}

async function forgetAll() {
  const isSure = await ask({
    title: 'Forget every request?',
    text: 'The journal is empty then, and the report of each client begins anew. Nothing else changes.',
    action: 'Forget them',
    isDangerous: true,
  });
  if (isSure) await clearJournal().catch(() => {});
  paused.value = null;
}

const pause = () => { paused.value = paused.peek() ? null : entries.peek(); };

/** The same in a terminal: of the request that is open, else of the list. */
function ofTerminal(id) {
  if (id) return commands({ boomgate: ['why', id], path: `${requestOf(id)}/why`, token: 'control' });
  const wanted = filter.value;
  return html`${commands({ boomgate: ['requests', 'list', ...flagsOf(wanted)], path: `/sandbox/requests${queryOf(wanted)}`, token: 'control' })}
    ${commands({ title: 'Forget all, in a terminal', boomgate: ['requests', 'clear'], method: 'DELETE', path: '/sandbox/requests', token: 'control' })}`;
}

export function open({ name }) {
  const stopWatching = watchJournal();
  const { id, open: openRequest, view: detail } = openedRequest((wanted) => control('GET', requestOf(wanted)), requestDetail);
  if (name) openRequest(name);

  const choose = (event, wanted) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    history.replaceState(history.state, '', pathOf(wanted));
    openRequest(wanted);
  };
  const closeDetail = () => {
    const line = place.querySelector('a[aria-current]');
    history.replaceState(history.state, '', '/console/requests');
    openRequest('');
    line?.focus();
  };

  // Drawn apart from the page around it, because it changes often.
  const place = document.createElement('div');
  const stopDrawing = mount(place, () => {
    const all = paused.value ?? entries.value;
    if (all.length === 0) return journalState.value === 'loading' ? loading() : noneYet;
    const fit = all.filter((line) => wants(filter.value, line));
    if (fit.length === 0) return nothingFits(all.length);
    return html`<div class="card flush">${requestTable(fit, { label: 'Requests', chosen: id.value, open: choose, href: pathOf })}</div>
      ${below(fit.length)}`;
  });

  return {
    view: () => html`<div class="toolbar"><h1>Requests</h1>${state()}
        <button type="button" class="quiet" aria-pressed=${paused.value !== null} @click=${pause}>${paused.value ? 'Run on' : 'Pause'}</button>
        <button type="button" class="danger quiet" @click=${forgetAll}>Forget all</button></div>
      ${filterFields(filter, 'requests')}
      <div class=${id.value ? 'beside-detail' : nothing}>${place}${detail(closeDetail)}</div>
      ${ofTerminal(id.value)}`,
    close() {
      stopDrawing();
      stopWatching();
    },
  };
}
