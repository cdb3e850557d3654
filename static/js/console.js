// The console: one page, whose path says which view it shows. To go from view to view loads no page, because the token is in
// memory alone.

import { facts } from './facts.js';
import { isReachable } from './http.js';
import { administrator, controlToken, ended, signOut } from './session.js';
import { computed, effect, html, mount, nothing, said, signal } from './ui.js';
import { mayLeave } from './console/leaving.js';
import { place, shown } from './console/router.js';
import { endedBanner, signInForm, watchTheEnd } from './console/sign-in.js';
import { controlForm, askForControl } from './console/control.js';
import { drawer } from './console/drawer.js';
import { watchKeys } from './console/shortcuts.js';

export { go, setQuery } from './console/router.js';

/** What `open` of the view returned, and for which place; undefined while it loads. */
const opened = signal(undefined);
const failure = signal('');

/** Whose token the view needs and does not have: '' if none. A token that ended leaves the view open. */
const missing = computed(() => {
  const needs = place.value.row?.needs;
  if (needs === 'administrator' && !administrator.value && !ended.value) return needs;
  if (needs === 'control' && !controlToken.value) return needs;
  return '';
});

/** The administrator that the view is opened for. Another one gets it anew. */
const acting = computed(() => administrator.value?.clientId ?? ended.value);

/** The view, if it is of the place where the page is. */
const current = computed(() => (opened.value?.here === place.value ? opened.value : undefined));

async function open(here) {
  if (!here.row) return;
  document.title = `${here.name || here.row.title} · Boomgate`;
  try {
    const module = await here.row.load();
    const view = await module.open({ name: here.name, part: here.part, query: here.query });
    if (place.peek() === here && !missing.peek()) opened.value = { here, ...view };
    else view.close?.();
  } catch (error) {
    failure.value = error.message;
  }
}

effect(() => {
  const here = place.value;
  const isAllowed = !missing.value && acting.value !== undefined;
  queueMicrotask(() => {
    opened.peek()?.close?.();
    opened.value = undefined;
    failure.value = '';
    if (isAllowed && place.peek() === here) open(here);
  });
});

let shownPlace = place.peek();
let lacked = missing.peek();
let awaitsFocus = false;

/** Moves the focus to the heading after the view changed, so that a screen reader says where one is. */
effect(() => {
  const isThere = current.value || missing.value || failure.value || !place.value.row;
  awaitsFocus ||= place.value !== shownPlace || missing.value !== lacked;
  [shownPlace, lacked] = [place.value, missing.value];
  if (!awaitsFocus || !isThere) return;
  awaitsFocus = false;
  requestAnimationFrame(() => {
    const heading = document.querySelector('.view h1');
    heading?.setAttribute('tabindex', '-1');
    heading?.focus();
    document.querySelector('.views [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  });
});

async function leave() {
  if (await mayLeave()) signOut();
}

function account() {
  if (!administrator.value) return nothing;
  const { clientId, expiresAt } = administrator.value;
  const end = new Date(expiresAt);
  return html`<div class="account">
    <p><bdi>${clientId}</bdi><br><span class="hint">signed in until
      <time datetime=${end.toISOString()}>${end.toLocaleTimeString('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })}</time></span></p>
    <button type="button" class="quiet" @click=${leave}>Sign out</button>
  </div>`;
}

function navigation() {
  const group = (name) => html`<p class="group" id="group-${name}">${name}</p>
    <ul aria-labelledby="group-${name}">${shown.filter((row) => row.group === name && !row.under).map((row) => html`
      <li><a href="/console/${row.path}" aria-current=${isCurrent(row) ? 'page' : nothing}>${row.title}</a></li>`)}</ul>`;
  return html`<nav class="views" aria-label="Console">
    ${group('Gate')}
    ${facts.isSandbox ? group('Sandbox') : nothing}
    ${account()}
  </nav>`;
}

function isCurrent(row) {
  const { row: current } = place.value;
  return row === current || (current?.under === row.path);
}

function content() {
  const { row } = place.value;
  if (!row) {
    return html`<h1>No such view</h1>
      <p>The address names no view of this console. The menu has all of them; <a href="/console">Clients</a> is the first.</p>`;
  }
  if (missing.value === 'administrator') return signInForm();
  if (missing.value === 'control') return controlForm();
  if (failure.value) {
    return html`<h1>${row.title}</h1><div class="banner bad" role="alert">
      <p>This view could not be loaded: ${failure.value}</p>
      <p>If the server has a new version since you opened the page, load the page again. You then sign in again.</p>
      <button type="button" @click=${() => location.reload()}>Load the page again</button></div>`;
  }
  return current.value ? current.value.view() : html`<h1>${row.title}</h1><p class="loading">One moment.</p>`;
}

mount(document.getElementById('app'), () => html`
  ${isReachable.value ? nothing : html`<p class="banner bad" role="alert">The server does not answer. This page tries again each second.</p>`}
  ${navigation()}
  <section class="view" aria-label="View">${endedBanner()}${content()}</section>
  <p class="toast" role="status">${said.value}</p>
  ${drawer()}`);

watchTheEnd();
watchKeys();
if (facts.isSandbox) askForControl();
