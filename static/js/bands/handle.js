// The handle on the time axis: the clock of the sandbox, to drag forward. The arrow keys move it, too; Enter lets it happen.

import { clockTime, dayAndTime, span, stamp } from '../sandbox/times.js';
import { nothing, svg } from '../ui.js';
import { FUTURE_MS } from './scale.js';
import { meant, stepped } from './steps.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

function dragging({ axis, facts, move, commit, cancel }) {
  const positionOf = (event) => event.clientX - event.currentTarget.ownerSVGElement.getBoundingClientRect().left;
  return {
    down(event) {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      event.currentTarget.ownerSVGElement.querySelector('.handle').focus({ preventScroll: true });
      event.preventDefault();
    },
    move(event) {
      if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
      const to = meant({ axis, facts }, positionOf(event));
      if (to > axis.now + SECOND) move(to);
      else cancel();
    },
    up(event) {
      if (event.currentTarget.hasPointerCapture(event.pointerId)) commit();
    },
  };
}

const face = (now, isFrozen, grip) => svg`
  <text class="main" x="-9" y="21">${clockTime(now)}${isFrozen ? ' stands' : nothing}</text>
  <path class="grip" d="M${grip} 12.5l4.5 4.5l-4.5 4.5m5.5 -9l4.5 4.5l-4.5 4.5"></path>`;

const movedFace = (preview, now) => svg`
  <text class="main" y="15">${dayAndTime(preview)}</text>
  <text class="more" y="27">+${span(preview - now)}</text>`;

/** The handle, the lines of now and of the moment that it is dragged to, and what lies between. */
export function handle({ axis, layout, facts, preview, isFrozen, move, commit, cancel }) {
  const { now } = axis;
  const shown = preview ?? now;
  const x = axis.x(shown);
  const width = preview ? 196 : isFrozen ? 184 : 122;
  const middle = Math.min(Math.max(x, width / 2 + 1), layout.width - width / 2 - 1);
  const drag = dragging({ axis, facts, move, commit, cancel });
  const text = preview
    ? `${span(preview - now)} from now, ${stamp(preview)}. Enter moves the clock there, Escape leaves it.`
    : `${stamp(now)}${isFrozen ? ', the clock stands' : ''}`;
  const keydown = (event) => {
    const to = stepped(event.key, now, shown);
    if (to !== undefined) move(to > now ? to : null);
    else if (event.key === 'Enter' || event.key === ' ') commit();
    else if (event.key === 'Escape' && preview) cancel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return svg`
    <rect class="skipped" x=${axis.middle} y="40" width=${Math.max(x - axis.middle, 0)} height=${layout.foot - 40}></rect>
    <line class="now" x1=${axis.middle} x2=${axis.middle} y1="34" y2=${layout.foot}></line>
    ${preview ? svg`<line class="then" x1=${x} x2=${x} y1="34" y2=${layout.foot}></line>` : nothing}
    <rect class="track" x=${axis.middle} y="0" width=${axis.right - axis.middle} height="56"
      @pointerdown=${drag.down} @pointermove=${drag.move} @pointerup=${drag.up} @pointercancel=${cancel}></rect>
    <g class="handle ${preview ? 'moved' : ''}" role="slider" tabindex="0" aria-label="Time of the sandbox"
        aria-valuemin="0" aria-valuemax=${FUTURE_MS / MINUTE} aria-valuenow=${Math.round((shown - now) / MINUTE)} aria-valuetext=${text}
        transform="translate(${middle} 0)" @keydown=${keydown}
        @pointerdown=${drag.down} @pointermove=${drag.move} @pointerup=${drag.up} @pointercancel=${cancel}>
      <rect class="pill" x=${-width / 2} y="1" width=${width} height="32" rx="16"></rect>
      ${preview ? movedFace(preview, now) : face(now, isFrozen, width / 2 - 23)}
    </g>`;
}
