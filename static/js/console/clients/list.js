// The table of all clients. It has the rows that one sees, and a few above and below, so 10,000 scroll like ten.

import { admin, mayWrite } from '../../session.js';
import { repeat } from '../../../vendor/lit-html/directives/repeat.js';
import { computed, effect, html, nothing, signal } from '../../ui.js';
import { commands } from '../../commands.js';
import { counted, fullness, loading, number, refusal, when } from '../parts.js';
import { setQuery } from '../router.js';
import { MOST, clientRows } from './loading.js';
import { ariaSort, found, free, nextSort, rowOf, sorted } from './rows.js';
import { rowWindow } from './window.js';

const COLUMNS = [
  ['client', 'Client'],
  ['status', 'Status'],
  ['today', 'Today'],
  ['throttle', 'Throttle'],
  ['seen', 'Last seen'],
  ['created', 'Registered'],
];

/** Opens the table. `query` has the search `q` and the order `sort`. */
export function open({ query }) {
  const list = clientRows();
  const search = signal(query.get('q') ?? '');
  const sort = signal(query.get('sort') ?? '');
  const beyond = signal([]);
  const visible = computed(() => sorted(found(list.rows.value, search.value), sort.value).concat(beyond.value));
  const box = () => document.querySelector('.clients-box');
  const shown = rowWindow(visible, box);

  /** Clients beyond the ones that the table can have are looked for by the server. */
  const stopSearching = effect(() => {
    const text = search.value.trim();
    if (!text || !list.isComplete.value || list.rows.value.length < MOST) return undefined;
    const timer = setTimeout(async () => {
      const answer = await admin('GET', `/admin/clients?limit=100&q=${encodeURIComponent(text)}`).catch(() => undefined);
      const have = new Set(list.rows.peek().map((row) => row.id));
      beyond.value = (answer?.body?.data ?? []).filter((client) => !have.has(client.client_id)).map(rowOf);
    }, 200);
    return () => {
      clearTimeout(timer);
      beyond.value = [];
    };
  });

  const lookFor = (text) => {
    search.value = text;
    setQuery({ q: text.trim() });
    shown.toTop();
  };
  const sortBy = (column) => {
    sort.value = nextSort(sort.value, column);
    setQuery({ sort: sort.value });
  };
  const table = () => {
    const { from, rows, above, below } = shown.part();
    return html`<div class="scroll clients-box" tabindex="0" role="region" aria-label="Clients" @scroll=${shown.scrolled} @keydown=${moveAmongRows}>
      <table class="data clients" aria-rowcount=${visible.value.length + 1}>
        <caption class="visually-hidden">Clients. A heading sorts by its column.</caption>
        <thead><tr aria-rowindex="1">${COLUMNS.map(([column, title]) => html`
          <th scope="col" class="c-${column}" aria-sort=${ariaSort(sort.value, column) ?? nothing}>
            <button type="button" class="sort" @click=${() => sortBy(column)}>${title}</button></th>`)}</tr></thead>
        <tbody>
          ${gap(above)}
          ${repeat(rows, (row) => row.id, (row, index) => rowOfTable(row, from + index))}
          ${gap(below)}
        </tbody>
      </table>
    </div>`;
  };

  const view = () => html`
    <div class="heading">
      <h1>Clients</h1>
      ${mayWrite.value ? html`<a class="button" href="/console/register">Register a client</a>` : nothing}
    </div>
    <p class="hint">A client is an application that may call the API: so many requests in a day of UTC, and so many per second.</p>
    <div class="toolbar clients-bar">
      <div class="field search">
        <label for="search" class="visually-hidden">Search clients by a part of the name or client_id</label>
        <input id="search" type="search" placeholder="Search by name or client_id" maxlength="200" autocomplete="off"
          aria-keyshortcuts="/" .value=${search.value} @input=${({ target }) => lookFor(target.value)}>
        <kbd aria-hidden="true">/</kbd>
      </div>
      <p class="count" role="status">${summary(list, search.value, visible.value.length)}</p>
      <button type="button" class="quiet" @click=${list.reload}>Refresh</button>
    </div>
    ${refusal(list.refused.value, list.reload)}
    ${body()}
    ${commands({
      path: `/admin/clients?limit=100${search.value.trim() && `&q=${encodeURIComponent(search.value.trim())}`}`,
      boomgate: ['client', 'list', ...(search.value.trim() ? ['--search', search.value.trim()] : [])],
    })}`;

  const body = () => {
    if (visible.value.length > 0) return table();
    if (!list.isComplete.value) return list.refused.value ? nothing : loading();
    return html`<div class="empty">
      <p>No client has “<bdi>${search.value.trim()}</bdi>” in its name or client_id.</p>
      <button type="button" class="quiet" @click=${() => lookFor('')}>Show all clients</button>
    </div>`;
  };

  return {
    view,
    close() {
      shown.close();
      stopSearching();
      list.close();
    },
  };
}

function summary(list, search, count) {
  const all = list.rows.value.length;
  if (!list.isComplete.value) return all ? `${number(all)} loaded, and more come` : '';
  const more = all >= MOST ? ' The table has the first ones; a search finds all.' : '';
  return (search.trim() ? `${number(count)} of ${counted(all, 'client')}` : counted(all, 'client')) + more;
}

/** What stands for the rows that the table does not have: a row of their height. */
function gap(pixels) {
  return pixels > 0 ? html`<tr class="gap" aria-hidden="true"><td .style=${`height:${pixels}px`}></td></tr>` : nothing;
}

function rowOfTable(row, index) {
  return html`<tr aria-rowindex=${index + 2}>
    <th scope="row" class="c-client"><a href="/console/clients/${encodeURIComponent(row.id)}" title=${row.name}><bdi>${row.name}</bdi></a>
      <span class="id">${row.id}</span></th>
    <td class="c-status">${status(row)}</td>
    <td class="c-today">${today(row)}</td>
    <td class="c-throttle">${throttle(row)}</td>
    <td class="c-seen">${when(row.lastSeen)}</td>
    <td class="c-created">${when(row.createdAt)}</td>
  </tr>`;
}

function status(row) {
  return html`<span class="badge ${row.status === 'active' ? 'ok' : 'bad'}">${row.status}</span>
    ${row.enforce ? nothing : html`<span class="badge warn" title="Requests over a limit are counted, not refused">counts only</span>`}
    ${row.isHeldBack ? html`<span class="badge info" title="Its limits are lower until it shows the report of an exam">no report</span>` : nothing}`;
}

function today(row) {
  if (!row.today) return html`<span class="hint">${row.quota === null ? 'no quota' : `quota ${number(row.quota)}`}</span>`;
  const { used, quota } = row.today;
  if (quota === null) return html`<span>${number(used)}</span> <span class="hint">no quota</span>`;
  const level = fullness(used, quota);
  return html`<progress class="meter ${level}" max=${quota} value=${Math.min(used, quota)} aria-label="Used of today's quota"></progress>
    <span class="of ${level}">${number(used)} of ${number(quota)}</span>`;
}

function throttle(row) {
  if (!row.throttle) return html`<span class="hint">–</span>`;
  const { remaining, burst } = row.throttle;
  if (remaining === 0) return html`<span class="badge bad">no permit left</span>`;
  return free(row) >= 1 ? html`<span class="hint">at rest</span>` : html`<span class="badge info">${number(remaining)} of ${number(burst)} left</span>`;
}

/** Arrow keys go from row to row. */
function moveAmongRows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
  const links = [...event.currentTarget.querySelectorAll('th.c-client a')];
  const next = links[links.indexOf(document.activeElement) + step];
  if (!next || (step < 0 && document.activeElement === event.currentTarget)) return;
  event.preventDefault();
  next.focus();
}
