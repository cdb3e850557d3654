// Why requests of a client were refused: by reason, with how often, and a link to the walk of each.

import { commands } from '../../commands.js';
import { html, nothing } from '../../ui.js';
import { away, counted, loading, number, refusal, when } from '../parts.js';
import { resource } from '../resource.js';

const LIMIT = 100;
const EVERY_MS = 10_000;

/** The refusals by reason, the most frequent first; within one, the newest first. */
function byReason(refusals) {
  const groups = new Map();
  for (const one of refusals) groups.set(one.reason, [...(groups.get(one.reason) ?? []), one]);
  return [...groups].sort(([, some], [, others]) => others.length - some.length);
}

/** The refusals of a client, read again each 10 seconds. */
export function openRefusals(id) {
  const path = `/admin/refusals?client=${encodeURIComponent(id)}&limit=${LIMIT}`;
  const refusals = resource(path, { every: EVERY_MS });

  const all = `/console/refusals?client=${encodeURIComponent(id)}`;
  const table = (data) => html`<div class="scroll" tabindex="0" role="region" aria-label="Table of the refusals">
    <table class="data"><caption class="visually-hidden">Refusals by reason</caption>
      <thead><tr><th scope="col">Reason</th><th scope="col">Status</th><th scope="col" class="num">Requests</th><th scope="col">Last</th><th scope="col">Why the last one was refused</th></tr></thead>
      <tbody>${byReason(data).map(([reason, [last, ...others]]) => html`<tr>
        <th scope="row"><a href="${all}&reason=${reason}">${reason.replaceAll('_', ' ')}</a></th>
        <td><span class="status s${Math.floor(last.status / 100)}">${last.status}</span></td>
        <td class="num">${number(others.length + 1)}</td>
        <td>${when(last.at)}</td>
        <td>${away(`/why/${encodeURIComponent(last.request_id)}`, html`${last.method} <bdi>${last.path}</bdi>`)}</td>
      </tr>`)}</tbody></table></div>`;

  const view = () => {
    const { body, refused } = refusals.state.value;
    return html`<section class="card stack tight" aria-labelledby="refusals">
      <h2 id="refusals">Refused requests by reason</h2>
      ${refusal(refused, refusals.read)}
      ${!body && !refused ? loading() : nothing}
      ${body && body.data.length === 0 ? html`<p class="hint">None of its requests was refused, as far as the server remembers. It remembers the last refusals of all clients, in memory.</p>` : nothing}
      ${body?.data.length ? html`${table(body.data)}
        <p class="hint">Of the last ${body.next_cursor ? `${LIMIT} and more` : counted(body.data.length, 'refusal')}.
          <a href=${all}>All refusals of this client</a></p>` : nothing}
      ${commands({ path, boomgate: body?.data.length ? ['why', body.data[0].request_id] : undefined })}
    </section>`;
  };

  return { view, close: refusals.close };
}
