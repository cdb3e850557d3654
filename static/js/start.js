// The start page: get a token, call the API, be refused, and read why. What is shown before the first click is in the page
// already; what sends a request and shows its answer is loaded by the first one.

import { facts } from './facts.js';
import { isReachable } from './http.js';
import { effect, html, mount as mountIn, nothing } from './ui.js';
import { askForTime, difference, now, runClock } from './start/clock.js';
import { busy, client, notice } from './start/state.js';

const part = (id) => document.getElementById(id);
const form = part('client');
/** Those that send something. Without this script they can do nothing, so they come disabled. */
const buttons = [...document.querySelectorAll('.steps button')];

/** Shows a view in place of what the server wrote there. */
function mount(element, view) {
  element.replaceChildren();
  mountIn(element, view);
}

/** What is loaded by the first click. A server that is down cannot give it: then this says so, and the next click tries again. */
async function load() {
  try {
    return await Promise.all([import('./start/access.js'), import('./start/shown.js')]);
  } catch (error) {
    await askForTime();
    if (isReachable.peek()) notice.value = `A part of this page could not be loaded: ${error.message}`;
    return [];
  }
}

/** Does what a button says, for whom the form names, and shows what came of it. */
async function act(name, action) {
  if (!form.reportValidity()) return;
  const [access, shown] = await load();
  if (!access) return;
  client.value = access.entered(form);
  await access.run(name, () => action(access));
  shown.reveal();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  act('get-token', ({ getToken }) => getToken(client.peek()));
});
form.addEventListener('change', async ({ target }) => {
  if (target.name !== 'who') return;
  const [credentials, isAnother] = [part('credentials'), target.value === ''];
  credentials.disabled = credentials.hidden = !isAnother;
  if (isAnother) part('client-id').focus();
  // What is shown of a token is that of the client that is chosen.
  const [access] = client.peek() && !isAnother ? await load() : [];
  if (access) client.value = access.entered(form);
});
part('call').addEventListener('submit', (event) => {
  event.preventDefault();
  act('send', async () => (await import('./start/call.js')).submit());
});
part('operation').addEventListener('change', async () => (await import('./start/call.js')).choose());
part('refused').addEventListener('click', ({ target }) => {
  const { id } = target.closest('button') ?? {};
  if (id) act(id, async () => (await import('./start/refusals.js')).refusals[id]());
});

function clock() {
  if (now.value === undefined) return html`…`;
  const text = new Date(now.value * 1000).toISOString();
  const hours = Math.round(difference.value / 360) / 10;
  const apart = html`<span class="badge info">${Math.abs(hours)} h ${hours < 0 ? 'behind' : 'ahead'}</span>`;
  return html`<time datetime=${text}>${text.slice(0, 10)} ${text.slice(11, 19)} UTC</time>
    ${facts.isSandbox && hours !== 0 ? apart : nothing}`;
}

mount(part('clock'), clock);
mount(part('reachable'), () => html`<span class="dot ${isReachable.value ? 'ok' : 'bad'}" aria-hidden="true"></span>${facts.issuer}
  <span class="visually-hidden">${isReachable.value ? 'answers' : 'does not answer'}</span>`);
const unreachable = html`<p class="banner" role="alert">The server does not answer. This page tries again each second.</p>`;
mount(part('banner'), () => (isReachable.value ? nothing : unreachable));
mount(part('notice'), () => (notice.value ? html`<p class="banner warn" role="alert">${notice.value}</p>` : nothing));

effect(() => buttons.forEach((button) => button.setAttribute('aria-busy', button.id === busy.value)));
buttons.forEach((button) => { button.disabled = false; });
runClock();

const bands = part('bands');
if (bands) {
  // Far down the page: loaded when it is seen.
  const watcher = new IntersectionObserver(async ([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    watcher.disconnect();
    const { showBands } = await import('./start/bands.js');
    showBands(bands);
  });
  watcher.observe(bands);
}
