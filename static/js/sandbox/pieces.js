// Pieces of the views of a sandbox: a table of data, and a button that is pressed or not.

import { html, nothing } from '../ui.js';

/**
 * A table that scrolls where it has no room.
 *
 * @param {object} table
 * @param {string} table.label its name
 * @param {string} [table.caption] its name, where it is shown
 * @param {[title: string, className?: string][]} table.columns a column without a title has buttons
 * @param {unknown} table.rows the templates of its rows
 */
export function dataTable({ label, caption, columns, rows, className = '' }) {
  const head = ([title, name]) => html`<th scope="col" class=${name ?? nothing}>${title || html`<span class="visually-hidden">Actions</span>`}</th>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table class="data ${className}">
    ${caption ? html`<caption>${caption}</caption>` : nothing}
    <thead><tr>${columns.map(head)}</tr></thead>
    <tbody>${rows}</tbody>
  </table></div>`;
}

/** A small button that is one of a choice. */
export function choiceButton(text, isChosen, choose) {
  return html`<button type="button" class="quiet small" aria-pressed=${isChosen} @click=${choose}>${text}</button>`;
}
