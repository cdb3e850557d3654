// The drawer at the bottom, opened by ~ from everywhere: the journal of a sandbox, or the refusals of a server. It stays while
// the views change.

import { facts } from '../facts.js';
import { html, nothing, signal } from '../ui.js';

const isOpen = signal(false);
const isTall = signal(false);
/** What is in it, loaded when it is opened for the first time. */
const panel = signal(undefined);
/** Where the focus was before it was opened. */
let before;

const title = facts.isSandbox ? 'Journal' : 'Refusals';

async function open() {
  before = document.activeElement;
  isOpen.value = true;
  const { openPanel } = await import('./drawer/panel.js');
  panel.value ??= openPanel();
  requestAnimationFrame(() => document.querySelector('.drawer input')?.focus());
}

function close() {
  isOpen.value = false;
  panel.value?.close();
  panel.value = undefined;
  (before?.isConnected && before !== document.body ? before : document.querySelector('.drawer-button'))?.focus();
}

const stretch = () => { isTall.value = !isTall.peek(); };

const toggle = () => (isOpen.peek() ? close() : open());

/** Whether the key is ~, also on keyboards where it waits for a letter. */
function isTilde({ key, code, shiftKey, metaKey }) {
  if (metaKey) return false;
  return key === '~' || (key === 'Dead' && code === 'Backquote' && shiftKey);
}

const takesText = (target) => target instanceof Element && Boolean(target.closest('input, textarea, select, [contenteditable]'));

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
  if (isTilde(event) && !takesText(event.target)) {
    event.preventDefault();
    toggle();
  } else if (event.key === 'Escape' && isOpen.peek()) {
    event.preventDefault();
    close();
  }
});

/** The drawer, or the button that opens it. */
export function drawer() {
  if (!isOpen.value) {
    return html`<button type="button" class="quiet small drawer-button" aria-expanded="false" aria-keyshortcuts="~"
      @click=${open}>${title} <kbd>~</kbd></button>`;
  }
  return html`<aside class="drawer ${isTall.value ? 'tall' : ''}" aria-label=${title}>
    <div class="toolbar">
      <h2>${title}</h2>
      ${panel.value?.bar() ?? nothing}
      <span class="spacer"></span>
      <button type="button" class="quiet small" aria-pressed=${isTall.value} @click=${stretch}>${isTall.value ? 'Lower' : 'Taller'}</button>
      <button type="button" class="quiet small" aria-keyshortcuts="Escape" @click=${close}>Close</button>
    </div>
    ${panel.value?.view() ?? html`<p class="loading">One moment.</p>`}
  </aside>`;
}
