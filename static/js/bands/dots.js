// A dot for each request. All of them are one stop of the Tab key; the arrow keys go from one to the next.

import { repeat } from '../../vendor/lit-html/directives/repeat.js';
import { html, nothing, svg } from '../ui.js';

const LANES = 3;

/** The forms, so that no dot is told by its colour alone. */
const SHAPES = {
  passed: 'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z',
  refused: 'M0 -5.2L5.2 0L0 5.2L-5.2 0Z',
  limited: 'M0 -5L5 4L-5 4Z',
  failed: 'M-4 -4H4V4H-4Z',
  lost: 'M-4 -4L4 4M4 -4L-4 4',
};

const MEANINGS = [
  ['passed', 'let through'], ['refused', 'refused'], ['limited', 'over a limit'], ['failed', 'failed'], ['lost', 'no answer'],
];

const sign = (inside) => html`<svg width="18" height="18" viewBox="-9 -9 18 18" aria-hidden="true">${inside}</svg>`;

/** What the forms mean. */
export const legend = html`<ul class="legend" aria-label="What the forms of the dots mean">
  ${MEANINGS.map(([kind, text]) => html`<li>${sign(svg`<g class="dot ${kind}"><path d=${SHAPES[kind]}></path></g>`)} ${text}</li>`)}
  <li>${sign(svg`<circle class="injected" r="7"></circle>`)} by a fault</li></ul>`;

/**
 * @param {object} axis
 * @param {object} row of the picture
 * @param {object} choice `points`, the number of the one that Tab reaches (`current`), and what is done with one: `choose(point)`,
 * `leave()`, `open(event, point)` and `href(id)`
 */
export function dots(axis, row, { points, current, choose, leave, open, href }) {
  const shown = points.filter(({ at }) => at >= axis.earliest && at <= axis.now + 2_000);
  const reached = shown.some(({ number }) => number === current) ? current : shown.at(-1)?.number;
  const step = (row.drawn - 12) / (LANES - 1);
  const of = (event) => {
    const number = event.target.closest?.('.dot')?.dataset.number;
    return number && shown.find((point) => point.number === Number(number));
  };
  const enter = (event) => {
    const point = of(event);
    if (point) choose(point);
  };
  const click = (event) => {
    const point = of(event);
    if (point) open(event, point);
  };
  const y = ({ number }) => row.top + 6 + (number % LANES) * step;
  const dot = (point) => svg`<a class="dot ${point.kind}" href=${href(point.id)} data-number=${point.number}
      tabindex=${point.number === reached ? 0 : -1} aria-label=${point.label}
      transform="translate(${Math.round(axis.x(point.at))} ${y(point)})">
    <circle class="target" r="12"></circle>
    ${point.fault ? svg`<circle class="injected" r="8"></circle>` : nothing}
    <path d=${SHAPES[point.kind]}></path></a>`;
  return svg`<g class="dots" role="group" aria-label="Requests, the newest last" @keydown=${walk} @click=${click}
    @focusin=${enter} @focusout=${leave} @pointerover=${enter} @pointerout=${leave}>${repeat(shown, ({ number }) => number, dot)}</g>`;
}

/** Goes from dot to dot with the arrow keys. */
function walk(event) {
  const all = [...event.currentTarget.querySelectorAll('.dot')];
  const here = all.indexOf(event.target.closest('.dot'));
  const next = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: all.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  all[Math.min(Math.max(next, 0), all.length - 1)]?.focus();
}
