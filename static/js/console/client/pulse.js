// The requests of a client in the last 15 minutes.

import { commands } from '../../commands.js';
import { html, nothing } from '../../ui.js';
import { bars } from '../chart.js';
import { counted, loading, number, refusal } from '../parts.js';
import { resource } from '../resource.js';

const EVERY_MS = 5_000;
/** A bar of the chart, in seconds. */
const BAR_S = 15;

/** The sums of each `size` buckets. */
function grouped(buckets, size) {
  const groups = [];
  for (let start = 0; start < buckets.length; start += size) {
    const part = buckets.slice(start, start + size);
    groups.push({
      admitted: part.reduce((sum, { admitted }) => sum + admitted, 0),
      refused: part.reduce((sum, { refused }) => sum + refused, 0),
    });
  }
  return groups;
}

/** How long ago a span of the chart was: `3:30 minutes ago`. */
function ago(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} minutes ago`;
}

const rate = (count) => number(Math.round((count / BAR_S) * 100) / 100);

/** The requests, read again each 5 seconds. */
export function openPulse(id) {
  const path = `/admin/clients/${encodeURIComponent(id)}/activity`;
  const pulse = resource(path, { every: EVERY_MS });
  const chart = () => {
    const { body, refused } = pulse.state.value;
    if (!body) return refused ? nothing : loading();
    if (!body.buckets) return html`<p class="hint">The server counts the requests of as many other clients as it can. It counts those of this one when one of them rests.</p>`;
    const groups = grouped(body.buckets, BAR_S / body.bucket_s);
    const admitted = groups.reduce((sum, group) => sum + group.admitted, 0);
    const refusedCount = groups.reduce((sum, group) => sum + group.refused, 0);
    const most = Math.max(...groups.map((group) => group.admitted + group.refused));
    const summary = admitted + refusedCount === 0
      ? 'No requests in the last 15 minutes.'
      : `${counted(admitted, 'request')} passed and ${number(refusedCount)} ${refusedCount === 1 ? 'was' : 'were'} refused in the last 15 minutes; at most ${rate(most)} per second, over ${BAR_S} seconds.`;
    const end = (index) => ago((groups.length - index) * BAR_S);
    if (most === 0) return html`<p class="hint">${summary}</p>`;
    return html`${bars({
      summary,
      ends: ['15 minutes ago', 'now'],
      label: (value) => `${number(value)} per second`,
      bars: groups.map((group, index) => ({
        title: `${end(index)}: ${rate(group.admitted)} per second passed, ${rate(group.refused)} refused`,
        parts: [{ value: group.admitted / BAR_S, kind: 'use' }, { value: group.refused / BAR_S, kind: 'bad' }],
      })),
    })}
    <p class="legend" aria-hidden="true"><span class="key use"></span> passed <span class="key bad"></span> refused</p>
    <details><summary>The same as a table</summary>
      <div class="scroll short" tabindex="0" role="region" aria-label="Requests of each minute">
        <table class="data"><caption class="visually-hidden">Requests of each of the last 15 minutes</caption>
          <thead><tr><th scope="col">Began</th><th scope="col" class="num">Passed</th><th scope="col" class="num">Refused</th></tr></thead>
          <tbody>${grouped(body.buckets, 60 / body.bucket_s).map((minute, index, all) => html`<tr>
            <th scope="row">${counted(all.length - index, 'minute')} ago</th><td class="num">${number(minute.admitted)}</td><td class="num">${number(minute.refused)}</td></tr>`).reverse()}</tbody>
        </table>
      </div></details>`;
  };

  const view = () => html`<section class="card stack tight" aria-labelledby="pulse">
    <h2 id="pulse">Requests per second</h2>
    ${refusal(pulse.state.value.refused, pulse.read)}
    ${chart()}
    ${commands({ path })}
  </section>`;

  return { view, close: pulse.close };
}
