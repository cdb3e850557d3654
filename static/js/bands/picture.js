// The picture: the axis, the bands, the dots and the handle, in one SVG that is as wide as its place.

import { dayAndTime } from '../sandbox/times.js';
import { html, nothing, svg } from '../ui.js';
import { dots } from './dots.js';
import { handle } from './handle.js';
import { midnights, place } from './rows.js';
import { scale, ticks } from './scale.js';
import { summary } from './truth.js';

function axisOf(axis, layout) {
  return svg`<g class="axis" aria-hidden="true">
    ${ticks(axis).map(({ x, label }) => svg`<line x1=${x} x2=${x} y1="50" y2=${layout.foot}></line><text x=${x} y="47">${label}</text>`)}
  </g>`;
}

function heading(row, facts, layout, moment) {
  const { text, tone } = row.name === 'requests' ? requestsText(facts) : summary(row.name, facts, moment);
  return layout.isNarrow
    ? svg`<text class="title" x="4" y=${row.y + 13}>${row.title}</text>
        <text class="summary narrow ${tone}" x=${layout.width - 4} y=${row.y + 13}>${text}</text>`
    : svg`<text class="title" x="0" y=${row.y + 13}>${row.title}</text>
        <text class="summary ${tone}" x="0" y=${row.y + 30}>${text}</text>`;
}

function requestsText({ points, isLoaded }) {
  const refused = points.filter(({ status }) => status === null || status >= 400).length;
  if (points.length === 0) return { text: isLoaded ? 'none yet' : 'loading', tone: 'quiet' };
  return { text: `${points.length} shown, ${refused} refused`, tone: 'quiet' };
}

function tip(chosen, axis, layout) {
  if (!chosen) return nothing;
  const x = Math.min(Math.max(axis.x(chosen.at), 120), Math.max(layout.width - 120, 120));
  const top = layout.rows[0].bottom + 4;
  return html`<div class="tip" aria-hidden="true" .style=${`transform: translate(calc(${Math.round(x)}px - 50%), ${Math.round(top)}px)`}>
    <strong>${chosen.sentence}</strong><br>${dayAndTime(chosen.at)} · click for why</div>`;
}

/**
 * @param {object} state
 * @param {object} state.facts of the client
 * @param {number} state.width of the place, in pixels
 * @param {number} state.now the moment in the middle of the axis
 * @param {number|null} state.preview the moment that the clock is dragged to
 * @param {object|null} state.chosen the request whose text is shown
 * @param {boolean} state.isFrozen whether the clock stands
 * @param {object} state.act `move commit cancel choose leave open href`
 */
export function picture({ facts, width, now, preview, chosen, isFrozen, act }) {
  const layout = place(facts, { width });
  const axis = scale({ now, left: layout.left, right: layout.right });
  const moment = preview ?? now;
  return html`<svg class="picture ${preview ? 'previewing' : ''}" width=${width} height=${layout.height}
      viewBox="0 0 ${width} ${layout.height}" role="group" aria-label="Time bands of ${facts.clientId}">
    ${axisOf(axis, layout)}
    ${midnights(axis, layout)}
    ${layout.rows.map((row) => svg`<g class="band ${row.name}">
      ${heading(row, facts, layout, moment)}
      ${row.draw(facts, axis, row, moment)}
    </g>`)}
    ${dots(axis, layout.rows[0], { points: facts.points, current: chosen?.number, ...act })}
    ${handle({ axis, layout, facts, preview, isFrozen, ...act })}
  </svg>${tip(chosen, axis, layout)}`;
}
