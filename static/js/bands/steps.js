// The moments that the handle goes to, by a hand and by keys.

import { midnightAfter } from '../sandbox/times.js';
import { FUTURE_MS } from './scale.js';
import { changes } from './truth.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const SNAP_PX = 7;
const STEPS = { ArrowRight: MINUTE, ArrowUp: MINUTE, ArrowLeft: -MINUTE, ArrowDown: -MINUTE, PageUp: HOUR, PageDown: -HOUR };

/** A moment that a hand can mean: at an event if one is near, else in steps that grow with the distance. */
export function meant({ axis, facts }, position) {
  const near = changes(facts, axis.now).find(({ at }) => Math.abs(axis.x(at) - position) <= SNAP_PX);
  if (near) return near.at;
  const at = axis.at(position);
  const away = at - axis.now;
  const step = away > 48 * HOUR ? HOUR : away > 2 * HOUR ? MINUTE : SECOND;
  return Math.round(at / step) * step;
}

/** The moment that a key asks for, from the one that is shown; undefined if the key is none of the handle's. */
export function stepped(key, now, shown) {
  if (key === 'End') return midnightAfter(Math.max(shown, now));
  if (key === 'Home') return now;
  const step = STEPS[key];
  return step === undefined ? undefined : Math.min(Math.max(shown + step, now), now + FUTURE_MS);
}
