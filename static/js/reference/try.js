// Try it: an operation is called from its section of the reference, by the modules of the start page. Only one is open at a
// time; the tokens that it gets are those of this page, in memory.

import { facts } from '../facts.js';
import { isReachable } from '../http.js';
import { PARTNER_AUDIENCE, call, run } from '../start/access.js';
import { answerView } from '../start/answer.js';
import { busy, calls, client, notice, shown } from '../start/state.js';
import { askWhy } from '../start/why.js';
import { newZone, someZone } from '../start/zones.js';
import { effect, html, mount, nothing } from '../ui.js';

const demos = [...document.querySelectorAll('#demo-clients > option')];
/** What stands in a path for what only the caller knows; the sandbox has these. */
const KNOWN = facts.isSandbox ? { client_id: 'demo-reader' } : {};

let opened;

/** Opens the form of an operation below its button, or closes it. */
export function toggle(operation, button) {
  const isOpen = opened?.button === button;
  opened?.close();
  if (!isOpen) opened = open(operation, button);
}

/** Whom the form names. */
function actor(form) {
  const fields = new FormData(form);
  const demo = demos.find(({ value }) => value === fields.get('client_id'));
  const clientSecret = demo ? demo.dataset.secret : fields.get('client_secret').trim();
  return { clientId: fields.get('client_id').trim(), clientSecret, audience: PARTNER_AUDIENCE, isDemo: Boolean(demo) };
}

async function send(form, method, hasBody) {
  const as = actor(form);
  client.value = as;
  const { path: input, body } = form.elements;
  if (input.value.includes('/zones/{id}')) input.value = input.value.replace('{id}', await someZone({ as }) ?? '{id}');
  const path = input.value.trim();
  const open = /\{(\w+)\}/.exec(path)?.[1];
  if (open) throw new Error(`the path needs a value in place of {${open}}`);
  if (!path.startsWith('/')) throw new Error('the path begins with /');
  await call({ method, path, body: hasBody ? body.value : undefined }, { as, renews: true });
}

function identity(scope) {
  if (!demos.length) {
    return html`<div class="field"><label for="try-client">client_id</label><input id="try-client" name="client_id" required autocapitalize="none" spellcheck="false" autocomplete="username"></div>
      <div class="field"><label for="try-secret">client_secret</label><input id="try-secret" name="client_secret" type="password" required autocomplete="current-password" aria-describedby="try-hint">
        <p class="hint" id="try-hint">It stays in the memory of this page, and goes nowhere but to this server.</p></div>`;
  }
  const fits = demos.find((demo) => demo.dataset.scope.split(' ').includes(scope)) ?? demos[0];
  return html`<div class="field"><label for="try-client">As</label><select id="try-client" name="client_id">${demos.map((demo) => html`
    <option value=${demo.value} ?selected=${demo === fits}>${demo.value}</option>`)}</select></div>`;
}

function open(operation, button) {
  const method = operation.querySelector('.route > .method').textContent;
  const template = operation.querySelector('.route > code').textContent;
  const path = template.replace(/\{(\w+)\}/g, (part, name) => KNOWN[name] ?? part);
  const { scope, body: example } = operation.dataset;
  // The number of the example is taken after the first time.
  const body = operation.id === 'createZone' ? newZone() : example;
  const before = calls.peek()[0]?.number ?? 0;
  const place = document.createElement('div');
  place.className = 'card tried';
  operation.querySelector('.aside').prepend(place);

  const submit = (event) => {
    event.preventDefault();
    run('call', () => send(event.target, method, body !== undefined));
  };
  const answered = () => (shown.value?.number > before ? shown.value : undefined);
  const stopView = mount(place, () => html`<div class="start">
    ${isReachable.value ? nothing : html`<p class="banner" role="alert">The server does not answer. This page tries again each second.</p>`}
    <form class="stack" autocomplete="off" @submit=${submit}>
      ${identity(scope)}
      <div class="field"><label for="try-path">Path</label><div class="line"><span class="method">${method}</span>
        <input id="try-path" class="code" name="path" required spellcheck="false" autocapitalize="none" value=${path}></div></div>
      ${body === undefined ? nothing : html`<div class="field"><label for="try-body">Body</label><textarea id="try-body" name="body" spellcheck="false">${body}</textarea></div>`}
      <div class="row"><button aria-busy=${busy.value === 'call'}>Send</button> <button type="button" class="quiet" @click=${() => close()}>Close</button></div>
    </form>
    ${notice.value ? html`<p class="banner warn" role="alert">${notice.value}</p>` : nothing}
    <div class="start" aria-live="polite">${answered() ? answerView(answered()) : nothing}</div>
  </div>`);
  const stopWhy = effect(() => { if (answered()) askWhy(answered()); });

  function close() {
    stopView();
    stopWhy();
    place.remove();
    notice.value = '';
    button.setAttribute('aria-expanded', 'false');
    button.firstChild.data = 'Try it';
    button.focus();
    opened = undefined;
  }

  button.setAttribute('aria-expanded', 'true');
  button.firstChild.data = 'Close';
  place.scrollIntoView({ block: 'nearest' });
  place.querySelector('#try-path').focus({ preventScroll: true });
  return { button, close };
}
