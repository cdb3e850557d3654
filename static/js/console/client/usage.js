// What a client used of its daily quota: today, and on each of the 89 days before.

import { commands } from '../../commands.js';
import { html, nothing } from '../../ui.js';
import { bars } from '../chart.js';
import { counted, loading, number, refusal } from '../parts.js';
import { resource } from '../resource.js';

const DAYS = 90;
const EVERY_MS = 10_000;

/** The days, read again each 10 seconds. */
export function openUsage(id) {
  const path = `/admin/clients/${encodeURIComponent(id)}/usage?days=${DAYS}`;
  const usage = resource(path, { every: EVERY_MS });

  const chart = () => {
    const { body, refused } = usage.state.value;
    if (!body) return refused ? nothing : loading();
    const days = [...body.days_before].reverse().concat(body.today ? [body.today] : []);
    const quota = body.today?.quota ?? null;
    const sum = days.reduce((total, { used }) => total + used, 0);
    const most = days.reduce((one, other) => (other.used > one.used ? other : one), days[0]);
    const over = quota === null ? 0 : days.filter(({ used }) => used >= quota).length;
    const summary = sum === 0
      ? `No requests in ${counted(days.length, 'day')}.`
      : `${counted(sum, 'request')} in ${counted(days.length, 'day')}. The most was ${number(most.used)}, on ${most.day}.${
        quota === null ? '' : ` The quota of ${number(quota)} was reached on ${counted(over, 'day')}.`}`;
    if (sum === 0) return html`<p class="hint">${summary}</p>`;
    return html`${bars({
      summary,
      limit: quota,
      ends: [days[0].day, 'today'],
      bars: days.map(({ day, used }) => ({ title: `${day}: ${counted(used, 'request')}`, parts: [{ value: used, kind: quota !== null && used >= quota ? 'bad' : 'use' }] })),
    })}
    <details><summary>The same as a table</summary>
      <div class="scroll short" tabindex="0" role="region" aria-label="Requests of each day">
        <table class="data"><caption class="visually-hidden">Requests of each day, by UTC</caption>
          <thead><tr><th scope="col">Day (UTC)</th><th scope="col" class="num">Requests</th></tr></thead>
          <tbody>${[...days].reverse().map(({ day, used }) => html`<tr><th scope="row">${day}</th><td class="num">${number(used)}</td></tr>`)}</tbody>
        </table>
      </div></details>`;
  };

  const view = () => html`<section class="card stack tight" aria-labelledby="usage">
    <h2 id="usage">Requests per day</h2>
    ${refusal(usage.state.value.refused, usage.read)}
    ${chart()}
    ${commands({ path, boomgate: ['client', 'usage', id, '--days', String(DAYS)] })}
  </section>`;

  return { view, read: usage.read, close: usage.close };
}
