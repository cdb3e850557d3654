// Faults: the rules that disturb requests, in the order in which they are tried.

import { commands } from '../commands.js';
import { dataTable } from '../sandbox/pieces.js';
import { html, nothing } from '../ui.js';
import { counted, number } from './parts.js';
import { described, matched } from './faults/effects.js';
import { ruleForm } from './faults/form.js';
import { acting } from './sandbox/acting.js';
import { reading } from './sandbox/reading.js';

const PATH = '/sandbox/faults';
const COLUMNS = [
  ['#', 'num'], ['Name'], ['Requests'], ['Effect'], ['Chance'], ['Matched', 'num'], ['Fired', 'num'], ['Left'], [''],
];
/** Counts go up while a client runs against the sandbox. */
const READ_INTERVAL_MS = 2_000;

function chance({ probability, seed }) {
  if (probability === undefined || probability === 1) return 'always';
  return `${Math.round(probability * 1000) / 10} %${seed === undefined ? '' : `, seed ${seed}`}`;
}

function left({ active, times, fired, ends_in: endsIn }) {
  if (!active) return 'ended';
  // The milliseconds of a span say nothing to people.
  const ends = endsIn?.replace(/(?<=[a-z])\d+ms$/, '');
  const parts = [times === undefined ? '' : counted(times - fired, 'time'), ends ?? ''].filter(Boolean);
  return parts.join(', ') || 'until removed';
}

export function open() {
  const { body, read, state, close } = reading(() => PATH, { every: READ_INTERVAL_MS });
  const { isBusy, send, say, outcome } = acting();

  async function add(rule) {
    const answer = await send('POST', PATH, rule);
    if (!answer) return undefined;
    const added = answer.body.data ?? [answer.body];
    say(`${added.map(({ name }) => name).join(', ')} ${added.length === 1 ? 'is' : 'are'} in force.`);
    await read();
    return answer.body;
  }

  const form = ruleForm({ add, isBusy });

  async function remove(name) {
    if (await send('DELETE', `${PATH}/${encodeURIComponent(name)}`)) say(`${name} is removed.`);
    await read();
  }

  async function clear() {
    if (await send('DELETE', PATH)) say('All rules are removed: no request is disturbed any more.');
    await read();
  }

  const removal = ({ name }) => html`<button type="button" class="quiet small" ?disabled=${isBusy.value}
    @click=${() => remove(name)} aria-label="Remove ${name}">Remove</button>`;

  const row = (rule, index) => html`<tr class=${rule.active ? nothing : 'ended'}>
    <td class="num">${index + 1}</td>
    <th scope="row"><bdi>${rule.name}</bdi></th>
    <td>${matched(rule.match)}</td>
    <td>${described(rule.effect)}${rule.notes?.map((note) => html`<p class="hint">${note}</p>`)}</td>
    <td class="nowrap">${chance(rule)}</td>
    <td class="num">${number(rule.matched)}</td>
    <td class="num">${number(rule.fired)}</td>
    <td class="nowrap">${left(rule)}</td>
    <td class="shrink">${removal(rule)}</td>
  </tr>`;

  function list({ data }) {
    if (data.length === 0) {
      return html`<div class="empty"><h2>No rule</h2>
        <p>No request is disturbed. Add a rule, and the next request that it matches feels it, on open connections too.</p></div>`;
    }
    const [{ name: first }] = data;
    return html`<div class="card flush">${dataTable({ label: 'Rules', columns: COLUMNS, rows: data.map(row) })}</div>
      ${commands({ title: 'Remove all, in a terminal', boomgate: ['fault', 'clear'], method: 'DELETE', path: PATH, token: 'control' })}
      ${commands({ title: 'Remove one, in a terminal', boomgate: ['fault', 'clear', first], method: 'DELETE', path: `${PATH}/${first}`, token: 'control' })}`;
  }

  function view() {
    const hasRules = body.value?.data.length > 0;
    const removeAll = html`<button type="button" class="danger quiet" ?disabled=${isBusy.value} @click=${clear}>Remove all</button>`;
    return html`<div class="toolbar"><h1>Faults</h1>${hasRules ? removeAll : nothing}</div>
      <p class="hint">A rule disturbs requests. The rules are tried from the top, and only the first that matches and fires acts.</p>
      ${outcome()}
      ${state() ?? list(body.value)}
      ${form()}`;
  }

  return { view, close };
}
