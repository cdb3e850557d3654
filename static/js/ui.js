// The small parts of every page.

import { effect, signal } from '../vendor/signals-core/signals-core.mjs';
import { html, nothing, render } from '../vendor/lit-html/lit-html.js';

export { html, nothing, svg } from '../vendor/lit-html/lit-html.js';
export { batch, computed, effect, signal } from '../vendor/signals-core/signals-core.mjs';

/** Shows what `view` returns in `element`, and anew whenever a signal that it reads changes. */
export function mount(element, view) {
  return effect(() => render(view(), element));
}

/** A button that copies `text`, and says so. */
export function copyButton(text, label = 'Copy') {
  const copy = async ({ currentTarget: button }) => {
    const isCopied = await navigator.clipboard.writeText(text).then(() => true, () => false);
    button.textContent = isCopied ? 'Copied' : 'Not allowed';
    setTimeout(() => { button.textContent = label; }, 1500);
  };
  return html`<button type="button" class="quiet copy" @click=${copy}>${label}</button>`;
}

/** Text to copy, such as a command. */
export function code(text, label) {
  return html`<div class="code"><pre tabindex="0" aria-label=${label ?? nothing}><code>${text}</code></pre>${copyButton(text)}</div>`;
}

/** What was said last: a page shows it in a live region. */
export const said = signal('');
let silence;

/** Says something to who looks and to who listens, for some seconds. */
export function say(text) {
  clearTimeout(silence);
  said.value = text;
  silence = setTimeout(() => { said.value = ''; }, 6000);
}

/** A segment of a path as people read it; as it is, where its percent signs mean nothing. */
export function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

// A browser may bring a page back as it was left, with the tokens in its memory (back/forward cache). It starts anew instead.
addEventListener('pageshow', ({ persisted }) => { if (persisted) location.reload(); });
