// What the audit log says of a client.

import { commands } from '../../commands.js';
import { Unreachable, isReachable } from '../../http.js';
import { admin } from '../../session.js';
import { batch, html, nothing, signal } from '../../ui.js';
import { loading, refusal, when } from '../parts.js';
import { onReturn } from '../resource.js';

const LIMIT = 10;
/** A page of the log may have no entry of the client, and yet more of the log beyond it: so many are read unasked. */
const PAGES_UNASKED = 5;

/** The last entries about a client. `read()` reads them again, after a change. */
export function openHistory(id) {
  const path = `/admin/audit?subject=${encodeURIComponent(id)}&limit=${LIMIT}`;
  const entries = signal([]);
  const cursor = signal(undefined);
  const refused = signal(undefined);
  const isBusy = signal(true);
  let stop = new AbortController();

  /** Reads on from `from`, until there is an entry, the log ends, or enough pages were read. */
  const more = async (from) => {
    const mine = stop.signal;
    isBusy.value = true;
    let next = from;
    let found = [];
    try {
      for (let page = 0; page < PAGES_UNASKED && found.length === 0 && next !== null; page += 1) {
        const answer = await admin('GET', path + (next ? `&cursor=${encodeURIComponent(next)}` : ''), { signal: mine });
        if (mine.aborted) return;
        refused.value = answer.status === 200 ? undefined : answer;
        if (answer.status !== 200) break;
        found = answer.body.data;
        next = answer.body.next_cursor;
      }
      batch(() => {
        entries.value = from ? entries.peek().concat(found) : found;
        cursor.value = next;
      });
    } catch (error) {
      if (!mine.aborted && !(error instanceof Unreachable)) throw error;
    }
    if (!mine.aborted) isBusy.value = !isReachable.peek();
  };

  const read = () => {
    stop.abort();
    stop = new AbortController();
    return more('');
  };

  const row = (entry) => (entry.broken ? html`<tr><th scope="row">${entry.number}</th><td colspan="3"><span class="badge bad">cannot be read</span> ${entry.broken}</td></tr>` : html`<tr>
    <th scope="row">${entry.action.replaceAll('_', ' ')}${entry.outcome === 'refused' ? html` <span class="badge warn">refused</span>` : nothing}</th>
    <td>${by(entry)}</td>
    <td>${entry.source ?? html`<span class="hint">–</span>`}</td>
    <td>${when(entry.at)}</td></tr>`);

  const table = () => html`<div class="scroll" tabindex="0" role="region" aria-label="Entries of the audit log">
    <table class="data"><caption class="visually-hidden">Entries about this client, the newest first</caption>
      <thead><tr><th scope="col">What</th><th scope="col">By</th><th scope="col">From</th><th scope="col">When</th></tr></thead>
      <tbody>${entries.value.map(row)}</tbody></table></div>`;

  const none = () => html`<p class="hint">${cursor.value ? 'None of the newest entries is about it.' : 'No entry is about it.'}</p>`;

  const view = () => html`<section class="card stack tight" aria-labelledby="history">
    <h2 id="history">Audit log</h2>
    ${refusal(refused.value, read)}
    ${entries.value.length > 0 ? table() : isBusy.value ? loading() : refused.value ? nothing : none()}
    <p class="row">
      ${cursor.value ? html`<button type="button" class="quiet small" aria-busy=${isBusy.value} @click=${() => more(cursor.peek())}>Look further back</button>` : nothing}
      <a href="/console/audit?subject=${encodeURIComponent(id)}">All entries about it</a>
      <a href="/console/audit?actor=${encodeURIComponent(id)}">What it did itself</a></p>
    ${commands({ path, boomgate: ['audit', '--subject', id, '--limit', String(LIMIT)] })}
  </section>`;

  queueMicrotask(read);
  const unwatch = onReturn(read);
  return {
    view,
    read,
    close() {
      unwatch();
      stop.abort();
    },
  };
}

/** Who did it. An entry without an actor is of the server itself, or of a caller that proved no identity: that one has an address. */
function by({ actor, source }) {
  if (actor) return html`<a href="/console/clients/${encodeURIComponent(actor)}">${actor}</a>`;
  return html`<span class="hint">${source ? 'nobody known' : 'the server'}</span>`;
}
