// Charts: bars in SVG, as wide as there is room. A chart is a picture with a sentence; its numbers are in a table beside it.

import { html, svg, nothing } from '../ui.js';
import { number } from './parts.js';

const HEIGHT = 100;

/** The next round number above a value: 1, 2 or 5, and zeros. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

/**
 * Bars from the left to the right.
 *
 * @param {object} chart
 * @param {{ parts: { value: number, kind: string }[], title: string }[]} chart.bars each bar, with its parts from the bottom up
 * @param {string} chart.summary what one sees, in a sentence
 * @param {number | null} [chart.limit] where a line is drawn
 * @param {[string, string]} chart.ends what stands below the first bar and below the last
 * @param {(value: number) => string} [chart.label] a value of the scale, to read
 */
export function bars({ bars: all, summary, limit = null, ends, label = number }) {
  const sums = all.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0));
  const largest = Math.max(0, ...sums);
  // A limit far above what was used would press the bars flat: it is then only in the text.
  const isLimitNear = limit !== null && limit <= largest * 4;
  const scale = roundUp(Math.max(largest, isLimitNear ? limit : 0));
  const y = (value) => HEIGHT - (value / scale) * HEIGHT;
  return html`<figure class="chart">
    <div class="plot">
      <span class="scale top" aria-hidden="true">${label(scale)}</span>
      <svg viewBox="0 0 ${all.length} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${summary}>
        <line class="grid" x1="0" x2=${all.length} y1="0.5" y2="0.5"></line>
        <line class="grid" x1="0" x2=${all.length} y1=${HEIGHT / 2} y2=${HEIGHT / 2}></line>
        ${all.map(({ parts, title }, index) => bar(parts, title, index, scale))}
        ${isLimitNear ? svg`<line class="limit" x1="0" x2=${all.length} y1=${y(limit)} y2=${y(limit)}></line>` : nothing}
      </svg>
    </div>
    <div class="ends" aria-hidden="true"><span>${ends[0]}</span><span>${ends[1]}</span></div>
    <figcaption>${summary}</figcaption>
  </figure>`;
}

function bar(parts, title, index, scale) {
  let top = HEIGHT;
  return svg`<g><title>${title}</title>
    <rect class="hit" x=${index} y="0" width="1" height=${HEIGHT}></rect>
    ${parts.map(({ value, kind }) => {
      if (value === 0) return nothing;
      const height = Math.max((value / scale) * HEIGHT, 1);
      top -= height;
      return svg`<rect class="bar ${kind}" x=${index + 0.12} y=${top} width="0.76" height=${height}></rect>`;
    })}</g>`;
}
