// Tabs: one is open, and the arrow keys go from one to the next.

import { html } from '../ui.js';

/**
 * @param {object} options
 * @param {string} options.name of the set, for the ids of its elements
 * @param {string} options.label
 * @param {{id: string, title: string}[]} options.list
 * @param {{value: string}} options.open the signal that has the id of the open one
 * @param {() => unknown} options.panel what the open one shows
 */
export function tabs({ name, label, list, open, panel }) {
  const here = list.some(({ id }) => id === open.value) ? open.value : list[0].id;
  const go = (event) => {
    const at = list.findIndex(({ id }) => id === here);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: list.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    open.value = list.at(next % list.length).id;
    document.getElementById(`${name}-${open.value}`).focus();
  };
  const tab = ({ id, title }) => html`<button type="button" role="tab" id="${name}-${id}" aria-controls="${name}-panel"
    aria-selected=${id === here} tabindex=${id === here ? 0 : -1} @click=${() => { open.value = id; }}>${title}</button>`;
  return html`<div role="tablist" aria-label=${label} @keydown=${go}>${list.map(tab)}</div>
    <div role="tabpanel" id="${name}-panel" aria-labelledby="${name}-${here}" class="stack">${panel(here)}</div>`;
}
