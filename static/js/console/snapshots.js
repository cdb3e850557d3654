// Snapshots: the whole state of the sandbox under a name, to go back to.

import { commands } from '../commands.js';
import { html, nothing, signal } from '../ui.js';
import { forgetAdministration } from '../sandbox/administration.js';
import { readClock, sandboxNow } from '../sandbox/clock.js';
import { reloadJournal } from '../sandbox/journal.js';
import { dataTable } from '../sandbox/pieces.js';
import { span } from '../sandbox/times.js';
import { ask } from './dialog.js';
import { absolute, counted, number } from './parts.js';
import { acting } from './sandbox/acting.js';
import { reading } from './sandbox/reading.js';

const PATH = '/sandbox/snapshots';
const COLUMNS = [['Name'], ["Saved at, by the sandbox's clock"], ['Clients', 'num'], ['Zones', 'num'], ['Size', 'num'], ['']];

const pathOf = (name, rest = '') => `${PATH}/${encodeURIComponent(name)}${rest}`;
const contents = ({ clients, zones }) => `${counted(clients, 'client')}, ${counted(zones, 'zone')}`;

/** What the clock will do, in words. */
function ofTheClock(savedAt) {
  const now = sandboxNow();
  const back = now === undefined ? 0 : now - Date.parse(savedAt);
  return back > 1_000 ? `The clock goes back by ${span(back)}, to ${absolute(savedAt)}.` : `The clock goes to ${absolute(savedAt)}.`;
}

const askToReplace = (name) => ask({
  title: `Replace ${name}?`,
  text: `The state that was saved as ${name} is lost. The state of now takes its place.`,
  action: 'Replace it',
  isDangerous: true,
});

const askToRestore = ({ name, saved_at: savedAt }) => ask({
  title: `Go back to ${name}?`,
  text: `${ofTheClock(savedAt)} Every client, secret, token, zone and limit is as it was then, and so are the audit log and the
    rules for faults. What came later is gone. The journal stays, and metrics only grow.`,
  action: 'Go back',
});

const askToRemove = ({ name }) => ask({
  title: `Remove ${name}?`,
  text: 'Nobody can go back to it any more. The sandbox stays as it is.',
  action: 'Remove it',
  isDangerous: true,
});

const askToReset = () => ask({
  title: 'Reset the sandbox?',
  text: `Only the demo clients and the sample zones are left. Your clients, zones and faults are gone, every token is refused,
    the clock goes by the real time, and the journal is empty. Snapshots stay.`,
  action: 'Reset it',
  isDangerous: true,
});

export function open() {
  const { body, read, state, close } = reading(() => PATH);
  const { isBusy, send, say, outcome } = acting();
  /** The name in the form, which the commands show. */
  const name = signal('');

  const after = () => Promise.allSettled([read(), readClock()]);

  async function save(event) {
    event.preventDefault();
    const wanted = name.peek().trim();
    const isThere = body.peek()?.data.some((one) => one.name === wanted);
    if (isThere && !await askToReplace(wanted)) return;
    const answer = await send('PUT', pathOf(wanted));
    if (answer) {
      say(`${wanted} is saved: ${contents(answer.body)}.`);
      name.value = '';
    }
    await after();
  }

  async function restore(snapshot) {
    if (!await askToRestore(snapshot)) return;
    const answer = await send('POST', pathOf(snapshot.name, '/restore'));
    if (answer) say(`The sandbox is as it was at ${absolute(answer.body.now)}: ${contents(answer.body)}.`);
    await after();
  }

  async function remove(snapshot) {
    if (!await askToRemove(snapshot)) return;
    if (await send('DELETE', pathOf(snapshot.name))) say(`${snapshot.name} is removed.`);
    await read();
  }

  async function reset() {
    if (!await askToReset()) return;
    const answer = await send('POST', '/sandbox/reset');
    if (answer) {
      forgetAdministration();
      say(`The sandbox is as new: ${contents(answer.body)}.`);
      await reloadJournal().catch(() => {});
    }
    await after();
  }

  const button = (text, label, act, className) => html`<button type="button" class="quiet small ${className}"
    ?disabled=${isBusy.value} @click=${act} aria-label=${label}>${text}</button>`;

  const row = (snapshot) => html`<tr>
    <th scope="row"><bdi>${snapshot.name}</bdi></th>
    <td><time datetime=${snapshot.saved_at} title="By the real time: ${absolute(snapshot.real_saved_at)}">${absolute(snapshot.saved_at)}</time></td>
    <td class="num">${number(snapshot.clients)}</td>
    <td class="num">${number(snapshot.zones)}</td>
    <td class="num">${number(Math.ceil(snapshot.bytes / 1024))} KiB</td>
    <td class="shrink">${button('Go back', `Go back to ${snapshot.name}`, () => restore(snapshot), '')}
      ${button('Remove', `Remove ${snapshot.name}`, () => remove(snapshot), 'danger')}</td>
  </tr>`;

  function list({ data, unreadable }) {
    const others = unreadable?.length
      ? html`<p class="banner warn">These files in the folder of the snapshots are none, or are damaged: ${unreadable.join(', ')}</p>`
      : nothing;
    if (data.length === 0) {
      return html`<div class="empty"><h2>No snapshot yet</h2>
        <p>Save the state of now before you try something that you want to take back, such as a move of the clock.</p></div>${others}`;
    }
    const [{ name: first }] = data;
    return html`<div class="card flush">${dataTable({ label: 'Snapshots', columns: COLUMNS, rows: data.map(row) })}</div>
      ${commands({ title: 'Go back, in a terminal', boomgate: ['snapshot', 'restore', first], method: 'POST', path: pathOf(first, '/restore'), token: 'control' })}
      ${commands({ title: 'Remove, in a terminal', boomgate: ['snapshot', 'remove', first], method: 'DELETE', path: pathOf(first), token: 'control' })}
      ${others}`;
  }

  function form() {
    const shown = name.value.trim() || 'before';
    const type = ({ target }) => { name.value = target.value; };
    return html`<form class="toolbar" @submit=${save}>
        <div class="field"><label for="snapshot-name">Name</label>
          <input id="snapshot-name" required autocomplete="off" spellcheck="false" placeholder="before" .value=${name.value} @input=${type}></div>
        <button ?disabled=${isBusy.value}>Save the state of now</button>
      </form>
      ${commands({ boomgate: ['snapshot', 'save', shown], method: 'PUT', path: pathOf(shown), token: 'control' })}`;
  }

  const startAgain = () => html`<section class="stack tight" aria-labelledby="reset">
    <h2 id="reset">Start again</h2>
    <p class="hint">A reset leaves the demo clients and the sample zones alone, and needs no snapshot.</p>
    <div><button type="button" class="danger quiet" ?disabled=${isBusy.value} @click=${reset}>Reset the sandbox</button></div>
    ${commands({ boomgate: ['reset'], method: 'POST', path: '/sandbox/reset', token: 'control' })}
  </section>`;

  return {
    close,
    view: () => html`<h1>Snapshots</h1>
      <p class="hint">A snapshot has all of the sandbox: clients, zones, tokens, limits, the clock, faults. To go back takes
        milliseconds, and it is the only way back for the clock.</p>
      ${form()}
      ${outcome()}
      ${state() ?? list(body.value)}
      ${startAgain()}`,
  };
}
