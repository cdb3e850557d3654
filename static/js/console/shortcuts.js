// The keys of the console. Each works wherever nobody types.

import { html } from '../ui.js';
import { openDialog } from './dialog.js';

const KEYS = [
  [['/'], 'Search'],
  [['↓', '↑'], 'The next row, the row before; also j and k'],
  [['Enter'], 'Open the row'],
  [['~'], 'The drawer: requests of a sandbox, refusals of a server'],
  [['Esc'], 'Close a dialog'],
  [['?'], 'These keys'],
];

function search() {
  const field = document.querySelector('.view input[type="search"]');
  field?.focus();
  field?.select();
  return Boolean(field);
}

function help() {
  openDialog('Keys', (close) => html`
    <dl class="facts">${KEYS.map(([keys, does]) => html`<div><dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${does}</dd></div>`)}</dl>
    <footer class="actions"><button type="button" class="quiet" @click=${() => close()}>Close</button></footer>`);
  return true;
}

const DOES = { '/': search, '?': help };

/** Listens to the keys of the whole page. */
export function watchKeys() {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.('input, textarea, select, dialog')) return;
    if (DOES[event.key]?.()) event.preventDefault();
  });
}
