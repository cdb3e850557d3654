// The rows of the picture: where each band is, and how it is drawn.

import { clockTime, dayAndTime, midnightAfter, DAY, span } from '../sandbox/times.js';
import { nothing, svg } from '../ui.js';
import { quotaPath, throttlePath } from './curves.js';
import { keyAt, secretWorksAt, tokenAt } from './truth.js';

const LANE = 12;
const GAP = 4;
const MOST_LANES = 3;
/** The least room between two midnights that are drawn, in pixels. */
const MIDNIGHT_ROOM = 28;

/** The bands, from the top: `title`, `hint`, and the height of what is drawn. */
const BANDS = [
  { name: 'requests', title: 'Requests', height: () => 40, draw: () => nothing },
  { name: 'tokens', title: 'Token', height: ({ tokens }) => lanes(tokens.length), draw: tokenBars },
  { name: 'throttle', title: 'Throttle', height: () => 36, draw: throttleArea },
  { name: 'quota', title: 'Quota of the day', height: () => 36, draw: quotaArea },
  { name: 'secrets', title: 'Secrets', height: ({ secrets }) => lanes(secrets.length), draw: secretBars },
  { name: 'keys', title: 'Signing keys', height: ({ keys }) => lanes(keys.length), draw: keyBars },
];

const lanes = (count) => Math.min(Math.max(count, 1), MOST_LANES) * (LANE + GAP) - GAP;

/** Places the bands. On a narrow screen the text of a band is above it, else on the left. */
export function place(facts, { width }) {
  const isNarrow = width < 680;
  const axis = isNarrow ? { left: 4, right: width - 4 } : { left: 196, right: width - 8 };
  let y = 62;
  const rows = BANDS.map((band) => {
    const drawn = band.height(facts);
    const top = y + (isNarrow ? 22 : Math.max(0, (34 - drawn) / 2));
    const height = isNarrow ? drawn + 22 : Math.max(drawn, 34);
    const row = { ...band, top, drawn, y, bottom: y + height };
    y += height + 14;
    return row;
  });
  return { isNarrow, rows, ...axis, width, foot: y - 8, height: y + 8 };
}

/** A bar from one moment to another; open at the end where `until` is undefined. */
function bar({ from, until, top, state, label }, axis) {
  const [start, end] = [axis.x(Math.max(from, axis.earliest)), axis.x(Math.min(until ?? axis.latest, axis.latest))];
  if (end < axis.left || start > axis.right) return nothing;
  return svg`<rect class="bar ${state}" x=${start} y=${top} width=${Math.max(end - start, 2)} height=${LANE} rx="3"><title>${label}</title></rect>`;
}

const newest = (list) => list.slice(-MOST_LANES);
const laneTop = (row, index) => row.top + index * (LANE + GAP);

function tokenBars({ tokens }, axis, row, moment) {
  return newest(tokens).map((token, index) => {
    const state = tokenAt(token, moment);
    const until = Math.min(token.until, token.revokedAt ?? Infinity);
    const end = state === 'revoked' ? `revoked ${clockTime(token.revokedAt)}` : `expires ${dayAndTime(token.until)}`;
    const label = `Token …${token.jti.slice(-6)}: issued ${clockTime(token.from)}, ${end}`;
    return svg`${bar({ from: token.from, until, top: laneTop(row, index), state, label }, axis)}
      ${state === 'revoked' ? cross(axis.x(token.revokedAt), laneTop(row, index) + LANE / 2) : nothing}`;
  });
}

const cross = (x, y) => svg`<path class="cross" d="M${x - 4} ${y - 4}l8 8m0 -8l-8 8"></path>`;

function secretBars({ secrets }, axis, row, moment) {
  return newest(secrets).map((secret, index) => bar({
    ...secret,
    top: laneTop(row, index),
    state: secretWorksAt(secret, moment) ? 'alive' : 'expired',
    label: `A secret of ${dayAndTime(secret.from)}: ${secret.until === undefined ? 'it has no end' : `works until ${dayAndTime(secret.until)}`}`,
  }, axis));
}

function keyBars({ keys, rotatesAt }, axis, row, moment) {
  return newest(keys).map((key, index) => {
    const top = laneTop(row, index);
    const signsUntil = key.signsUntil ?? rotatesAt;
    const state = keyAt(key, moment);
    const name = `Key ${key.kid.slice(0, 8)}…`;
    const signs = `${name} signs ${dayAndTime(key.from)} to ${signsUntil ? dayAndTime(signsUntil) : 'no end'}`;
    const verifies = `${name} verifies until ${key.until ? dayAndTime(key.until) : 'its last token has expired'}`;
    const of = (living) => (state === 'gone' ? 'expired' : living);
    // A key that nothing follows yet verifies for about a day more, once something does.
    const verifying = signsUntil && { from: signsUntil, until: key.until ?? signsUntil + DAY, top, state: of('verifies'), label: verifies };
    return svg`${verifying ? bar(verifying, axis) : nothing}
      ${bar({ from: key.from, until: signsUntil, top, state: of('alive'), label: signs }, axis)}`;
  });
}

function area({ line, area: filled }, axis, row) {
  return svg`
    <rect class="room" x=${axis.left} y=${row.top} width=${axis.right - axis.left} height=${row.drawn} rx="3"></rect>
    <path class="area" d=${filled}></path>
    <path class="line" d=${line}></path>`;
}

const room = (row) => ({ top: row.top + 2, height: row.drawn - 4 });

function throttleArea(facts, axis, row) {
  return facts.throttle?.burst ? area(throttlePath(facts, axis, room(row)), axis, row) : empty(axis, row);
}

function quotaArea(facts, axis, row) {
  return facts.quota ? area(quotaPath(facts, axis, room(row)), axis, row) : empty(axis, row);
}

/** A limit that there is not, or that is not known. */
const empty = (axis, row) => svg`<rect class="room" x=${axis.left} y=${row.top} width=${axis.right - axis.left} height=${row.drawn} rx="3"></rect>`;

/** The midnights that have room, as lines through all bands. */
export function midnights(axis, layout) {
  const lines = [];
  let before = -Infinity;
  for (let at = midnightAfter(axis.earliest); at <= axis.latest && lines.length < 12; at += DAY) {
    const x = axis.x(at);
    if (x - before < MIDNIGHT_ROOM && at !== midnightAfter(axis.now)) continue;
    lines.push({ at, x });
    before = x;
  }
  const next = midnightAfter(axis.now);
  const title = (at) => `Midnight, ${span(Math.abs(at - axis.now))} ${at < axis.now ? 'ago' : 'from now'}`;
  return lines.map(({ at, x }) => svg`
    <line class="midnight" x1=${x} x2=${x} y1="56" y2=${layout.foot}><title>${title(at)}</title></line>
    ${at === next ? svg`<text class="foot" x=${Math.min(x, axis.right - 24)} y=${layout.foot + 12}>midnight</text>` : nothing}`);
}
