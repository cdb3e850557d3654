// Troubles: what happens to a client in real life, a button each.

import { commands } from '../commands.js';
import { code, html, nothing, signal } from '../ui.js';
import { readClock } from '../sandbox/clock.js';
import { acting } from './sandbox/acting.js';
import { chosenClient, clientChoice, readClients } from './sandbox/client-choice.js';
import { reading } from './sandbox/reading.js';

const READ_INTERVAL_MS = 3_000;
const PATH = '/sandbox/troubles';

/** The troubles, by what they are about. */
const GROUPS = [
  ['Time', ['token-expires', 'midnight']],
  ['Credentials', ['token-revoked', 'secret-rotated', 'secret-revoked', 'key-rotated']],
  ['Rights and limits', ['client-suspended', 'scope-narrowed', 'throttled', 'quota-exhausted']],
  ['The network and the server', ['outage', 'slow-network', 'answer-lost']],
];

/** What the server has that no group names comes last. */
function grouped(troubles) {
  const named = GROUPS.flatMap(([, names]) => names);
  const groups = GROUPS.map(([title, names]) => [title, troubles.filter(({ name }) => names.includes(name))]);
  return [...groups, ['Others', troubles.filter(({ name }) => !named.includes(name))]].filter(([, own]) => own.length > 0);
}

export function open() {
  readClients();
  const { body, read, state, close } = reading(() => PATH, { every: READ_INTERVAL_MS });
  const { isBusy, send, say, outcome } = acting();
  /** What the last trouble answered: a new secret is shown this once. */
  const happened = signal(null);
  /** How long each trouble is to last, by its name. */
  const spans = signal({});

  const wanted = ({ name, needs_client: needsClient, for: lasts }) => {
    const client = chosenClient.value;
    return {
      ...(client && (needsClient || name !== 'midnight' && name !== 'key-rotated') ? { client } : {}),
      ...(lasts ? { for: spans.value[name] ?? lasts } : {}),
    };
  };

  async function start(trouble) {
    happened.value = null;
    const answer = await send('POST', `${PATH}/${trouble.name}`, wanted(trouble));
    if (answer) happened.value = answer.body;
    await Promise.allSettled([read(), readClock()]);
  }

  async function clear() {
    happened.value = null;
    const answer = await send('DELETE', PATH);
    if (answer) {
      const undone = answer.body.data.map(({ name, client, undone }) => `${name}${client ? ` of ${client}` : ''}: ${undone}`);
      say(undone.length ? undone.join(' ') : 'No trouble was on.');
    }
    await read();
  }

  function aftermath() {
    const { name, client, description, undone, client_secret: secret, ends_in: endsIn } = happened.value ?? {};
    if (!name) return nothing;
    return html`<div class="banner ok" role="status">
      <p><strong>${name}${client ? html`, ${client}` : nothing}.</strong> ${description}${endsIn ? ` It ends in ${endsIn}.` : ''}</p>
      <p class="hint">When it is undone: ${undone}</p>
      ${secret ? html`<p>The new secret, shown this once:</p>${code(secret, 'New client secret')}` : nothing}
    </div>`;
  }

  function active(troubles) {
    const on = troubles.filter((trouble) => trouble.on);
    const line = ({ name, clients, undone }) => html`<li><strong>${name}</strong>${clients?.length ? ` of ${clients.join(', ')}` : nothing}.
      <span class="hint">When it is undone: ${undone}</span></li>`;
    if (on.length === 0) return nothing;
    return html`<section class="card" aria-labelledby="on-now">
      <div class="toolbar"><h2 id="on-now">On now</h2>
        <button type="button" class="quiet" ?disabled=${isBusy.value} @click=${clear}>Undo all</button></div>
      <ul class="undone">${on.map(line)}</ul>
      ${commands({ boomgate: ['trouble', 'clear'], method: 'DELETE', path: PATH, token: 'control' })}
    </section>`;
  }

  function card(trouble) {
    const { name, description, on, needs_client: needsClient, for: lasts } = trouble;
    const body = wanted(trouble);
    const isWithout = needsClient && !chosenClient.value;
    const setSpan = ({ target }) => { spans.value = { ...spans.value, [name]: target.value.trim() }; };
    const words = ['trouble', name, ...(body.client ? ['--client', body.client] : []), ...(lasts && body.for !== lasts ? ['--for', body.for] : [])];
    return html`<li class="card trouble">
      <div class="toolbar"><h3 class="mono">${name}</h3>${on ? html`<span class="badge warn">on</span>` : nothing}</div>
      <p>${description}</p>
      <div class="row">
        <button type="button" class="quiet" ?disabled=${isBusy.value || isWithout} @click=${() => start(trouble)}
          aria-label="Make it happen: ${name}">Make it happen</button>
        ${lasts ? html`<label class="beside">for
          <input class="span" .value=${spans.value[name] ?? lasts} @input=${setSpan} autocomplete="off" spellcheck="false"></label>` : nothing}
        ${isWithout ? html`<span class="hint">Choose a client first.</span>` : nothing}
      </div>
      ${commands({ boomgate: words, method: 'POST', path: `${PATH}/${name}`, body: Object.keys(body).length ? body : undefined, token: 'control' })}
    </li>`;
  }

  function view() {
    return html`<div class="toolbar"><h1>Troubles</h1>${clientChoice({ id: 'trouble-client', label: 'Happens to', any: 'every client' })}</div>
      <p class="hint">Each is one thing that happens to a client in real life. The sandbox really makes it happen.</p>
      ${outcome()}${aftermath()}
      ${state() ?? html`${active(body.value.data)}
        ${grouped(body.value.data).map(([title, own]) => html`<section class="stack"><h2>${title}</h2>
          <ul class="grid troubles" role="list">${own.map(card)}</ul></section>`)}`}`;
  }

  return { view, close };
}
