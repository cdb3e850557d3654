// The time axis. Close to now a second is wide, far away a day is narrow (a logarithm on both sides), so that a throttle that
// refills in a second and a key that signs for a month are in one picture.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Nearer to now than this, the axis is close to linear. */
const LINEAR_MS = 4 * SECOND;
const PAST_MS = 3 * DAY;
/** The furthest that the axis shows, and that the clock can be dragged. */
export const FUTURE_MS = 40 * DAY;

const DISTANCES = [
  [10 * SECOND, '10 s'], [MINUTE, '1 min'], [10 * MINUTE, '10 min'], [HOUR, '1 h'], [6 * HOUR, '6 h'], [DAY, '1 day'], [7 * DAY, '7 days'], [30 * DAY, '30 days'],
];
/** The least room between the middles of two labels, in pixels. */
const LABEL_ROOM = 48;

const folded = (milliseconds) => Math.sign(milliseconds) * Math.log1p(Math.abs(milliseconds) / LINEAR_MS);
const unfolded = (value) => Math.sign(value) * LINEAR_MS * Math.expm1(Math.abs(value));

/** The axis from `left` to `right`, in pixels, around the moment `now`. */
export function scale({ now, left, right }) {
  const unit = (right - left) / (folded(PAST_MS) + folded(FUTURE_MS));
  const middle = left + folded(PAST_MS) * unit;
  const x = (moment) => Math.min(Math.max(middle + folded(moment - now) * unit, left), right);
  return {
    now, left, right, middle, x,
    /** The moment at `position`. */
    at: (position) => now + unfolded((Math.min(Math.max(position, left), right) - middle) / unit),
    earliest: now - PAST_MS,
    latest: now + FUTURE_MS,
  };
}

/** The labels of the axis that have room: `{ x, label }`. */
export function ticks({ now, middle, x, left, right }) {
  const placed = [];
  for (const side of [-1, 1]) {
    // Beside the middle there is the time of the handle.
    let before = middle + side * LABEL_ROOM * 0.4;
    for (const [distance, label] of DISTANCES) {
      const position = x(now + side * distance);
      const isInside = position > left + 12 && position < right - 18;
      if (isInside && Math.abs(position - before) >= LABEL_ROOM) {
        placed.push({ x: position, label: side < 0 ? `−${label}` : `+${label}` });
        before = position;
      }
    }
  }
  return placed;
}

/**
 * The moment that the axis stands at in the middle of a jump: `part` runs from 0 to 1. What was under the handle moves to
 * the middle at an even pace.
 */
export function between(from, to, part) {
  return to - unfolded(folded(to - from) * (1 - part));
}
