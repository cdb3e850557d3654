// The form with which any operation is called. The common ones are in the page; the others come from the OpenAPI document, which
// is large, when somebody asks for them.

import { html, mount, nothing, signal } from '../ui.js';
import { actor, call } from './access.js';
import { calls, client, notice, tokenOf } from './state.js';
import { lastZone, newZone, someZone } from './zones.js';

export { someZone } from './zones.js';

const part = (id) => document.getElementById(id);
const takesBody = (name) => ['POST', 'PUT', 'PATCH'].includes(name);

/** Bodies of the common operations. */
const BODIES = { createZone: newZone, updateZone: () => '{ "name": "Quay 10" }' };

/** Where a client proves who it is by its credentials, and sends no token of its own. */
const OF_CREDENTIALS = /^(\/v3)?\/(oauth2\/(token|revoke|introspect)|shared\/access-tokens)$/;

/** The example of a body, as a demo client would send it: its credentials are published. */
function filled(example) {
  const of = client.peek() ?? actor('demo-reader');
  if (!of?.isDemo || !/"client_secret"/.test(example)) return example;
  const known = { client_id: of.clientId, client_secret: of.clientSecret, token: tokenOf(of)?.token };
  const members = Object.entries(JSON.parse(example)).map(([name, value]) => [name, known[name] ?? value]);
  return JSON.stringify(Object.fromEntries(members), null, 2);
}

/** What the OpenAPI document says, by the value of the option. */
const described = new Map();
/** The parameters of the operation; undefined before one was chosen. */
let parameters;

/** What the page knows of the names in a path. */
function known(name) {
  const refused = () => calls.peek().find(({ answer }) => answer.status >= 400)?.answer.requestId;
  return { id: lastZone, client_id: () => client.peek()?.clientId, request_id: refused }[name]?.();
}

/** Fills the form for the operation that was chosen. */
export async function choose() {
  const select = part('operation');
  if (select.value === 'all') {
    select.value = 'listZones';
    await loadAll(select);
  }
  const { value, dataset } = select.selectedOptions[0];
  part('method').textContent = dataset.method;
  part('path').value = dataset.path.replace(/\{(\w+)\}/g, (open, name) => known(name) ?? open);
  const example = described.get(value)?.body ?? '';
  part('body').value = BODIES[value]?.() ?? (OF_CREDENTIALS.test(dataset.path) ? filled(example) : example);
  part('body-field').hidden = !takesBody(dataset.method);
  showParameters(described.get(value)?.parameters ?? []);
}

async function loadAll(select) {
  notice.value = '';
  try {
    const { operations } = await import('./operations.js');
    const groups = await operations();
    for (const { title, list } of groups) {
      const group = document.createElement('optgroup');
      group.label = title;
      for (const operation of list) {
        const option = new Option(`${operation.method} ${operation.path}`, operation.id);
        option.title = operation.summary;
        Object.assign(option.dataset, { method: operation.method, path: operation.path });
        group.append(option);
        described.set(operation.id, operation);
      }
      select.append(group);
    }
    select.querySelector('[value="all"]').remove();
    select.showPicker?.();
  } catch (error) {
    // A browser may not open the list by itself: then the reader does.
    if (described.size === 0) notice.value = `The list of operations could not be loaded: ${error.message}`;
  }
}

/** Sends what the form says. */
export async function submit() {
  const [path, body, method] = [part('path'), part('body').value, part('method').textContent];
  if (path.value.includes('/zones/{id}')) {
    const id = await someZone();
    if (id) path.value = path.value.replace('{id}', id);
  }
  const open = /\{(\w+)\}/.exec(path.value)?.[1];
  if (open) throw new Error(`the path needs a value in place of {${open}}`);
  if (!path.value.startsWith('/')) throw new Error('the path begins with /');
  const options = OF_CREDENTIALS.test(path.value) ? { altered: () => undefined } : {};
  await call({ method, path: path.value, body: takesBody(method) && body !== '' ? body : undefined }, options);
}

function showParameters(list) {
  if (!parameters) {
    parameters = signal(list);
    const line = ({ name, place, description, required }) => html`
      <dt><code>${name}</code> <span class="hint">${place}${required ? ', required' : ''}</span></dt><dd>${description}</dd>`;
    const view = (shown) => html`<details><summary>Parameters</summary><dl class="facts">${shown.map(line)}</dl></details>`;
    mount(part('parameters'), () => (parameters.value.length === 0 ? nothing : view(parameters.value)));
  }
  parameters.value = list;
}
