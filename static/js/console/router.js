// Where the console is: a view, and what of it. The address says it all, so a reload, a link and the back button lead there.

import { facts } from '../facts.js';
import { decoded, signal } from '../ui.js';
import { isHeld, mayLeave } from './leaving.js';
import { views } from './views.js';

/** The views of this server, in the order of the menu. */
export const shown = views.filter(({ group }) => group === 'Gate' || facts.isSandbox);

/** `{ row, name, part, query }`: a row of the views, the segments of the path after it, and a `URLSearchParams`. */
export const place = signal(placeOf(location));

/** The address of what is shown. When the back button moves away from a view that is held, the page goes back to it. */
let address = location.href;

function placeOf({ pathname, search }) {
  const [, , view = '', name = '', part = ''] = pathname.split('/').map(decoded);
  const row = shown.find((row) => row.path === view) ?? (view === '' ? shown[0] : undefined);
  return { row, name, part, query: new URLSearchParams(search) };
}

function show(url) {
  address = url.href;
  place.value = placeOf(url);
}

/** Goes to a path of the console, unless what is shown must not be left. */
export async function go(path) {
  if (!await mayLeave()) return;
  const url = new URL(path, location.href);
  history.pushState(null, '', url);
  show(url);
  scrollTo(0, 0);
}

/** Puts what a view shows into the address, without a step for the back button. */
export function setQuery(changes) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(history.state, '', url);
  address = url.href;
}

addEventListener('popstate', async () => {
  if (!isHeld()) {
    show(new URL(location.href));
    return;
  }
  // One step further than the place that was asked for: who leaves after all takes that step back.
  history.pushState(null, '', address);
  if (await mayLeave()) history.back();
});

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href]');
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  const isOfConsole = link && link.origin === location.origin && /^\/console(\/|$)/.test(link.pathname);
  if (!isOfConsole || !isPlain || event.defaultPrevented || link.target || link.hasAttribute('download')) return;
  event.preventDefault();
  go(link.href);
});
