// Dialogs: native ones, so Escape closes them, the page behind them is inert, and the focus returns to where it was.

import { html, mount, nothing } from '../ui.js';

let count = 0;

/**
 * Opens a dialog.
 *
 * @param {string} title
 * @param {(close: (value?: any) => void) => any} content returns the template, and may read signals
 * @returns {Promise<any>} what `close` was called with; undefined after Escape
 */
export function openDialog(title, content, { isWide = false } = {}) {
  const dialog = document.createElement('dialog');
  const heading = `dialog-${count += 1}`;
  dialog.setAttribute('aria-labelledby', heading);
  dialog.className = isWide ? 'ask wide' : 'ask';
  document.body.append(dialog);
  return new Promise((resolve) => {
    let result;
    const close = (value) => {
      result = value;
      dialog.close();
    };
    const dispose = mount(dialog, () => html`<h2 id=${heading}>${title}</h2>${content(close)}`);
    dialog.addEventListener('close', () => {
      dispose();
      dialog.remove();
      resolve(result);
    });
    dialog.showModal();
  });
}

/** Asks a question that has two answers. */
export function ask({ title, text, action, stay = 'Cancel', isDangerous = false }) {
  return openDialog(title, (close) => html`
    <p>${text}</p>
    <div class="row actions">
      <button type="button" class=${isDangerous ? 'danger' : nothing} @click=${() => close(true)}>${action}</button>
      <button type="button" class="quiet" autofocus @click=${() => close(false)}>${stay}</button>
    </div>`).then(Boolean);
}
