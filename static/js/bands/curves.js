// The lines of the throttle and of the quota, as SVG paths.

import { midnightAfter } from '../sandbox/times.js';
import { quotaAt, refilled } from './truth.js';

/** How many straight pieces make the curve of a throttle that refills. */
const PIECES = 6;

const round = (number) => Math.round(number * 10) / 10;

/** A path through the moments of `steps`, each `{ at, level }`, and the area below it. */
function path(steps, { x }, { top, height, most }) {
  const y = (level) => round(top + height * (1 - Math.min(level / most, 1)));
  const line = steps.map(({ at, level }, index) => `${index ? 'L' : 'M'}${round(x(at))} ${y(level)}`).join('');
  const bottom = round(top + height);
  const area = steps.length ? `${line}L${round(x(steps.at(-1).at))} ${bottom}L${round(x(steps[0].at))} ${bottom}Z` : '';
  return { line, area };
}

/** The level of the throttle: it falls with each request, and refills. */
export function throttlePath(facts, axis, room) {
  const { burst, rate } = facts.throttle;
  const used = facts.points.filter(({ second, at }) => second && at >= axis.earliest && at <= axis.now);
  const steps = [{ at: axis.earliest, level: burst }];
  used.forEach(({ at, second }, index) => {
    steps.push({ at, level: refilled(facts.throttle, used[index - 1], at) });
    steps.push({ at, level: second.after });
    const next = used[index + 1]?.at ?? axis.latest;
    const full = at + (burst - second.after) / rate * 1_000;
    const end = Math.min(next, full);
    for (let piece = 1; piece <= PIECES; piece += 1) {
      const moment = at + (end - at) * piece / PIECES;
      steps.push({ at: moment, level: refilled(facts.throttle, used[index], moment) });
    }
  });
  steps.push({ at: axis.latest, level: burst });
  return path(steps, axis, { ...room, most: burst });
}

/** What is left of the day: a step down for each request, whole again at midnight. */
export function quotaPath(facts, axis, room) {
  const used = facts.units.filter(({ at }) => at >= axis.earliest && at <= axis.now);
  const steps = [];
  let level = quotaAt(facts, axis.earliest);
  const stepTo = (at, next) => {
    steps.push({ at, level }, { at, level: next });
    level = next;
  };
  steps.push({ at: axis.earliest, level });
  let midnight = midnightAfter(axis.earliest);
  for (const { at, day } of used) {
    for (; midnight <= at; midnight = midnightAfter(midnight)) stepTo(midnight, facts.quota);
    // What was spent before the first request of the journal shows as one step.
    if (level !== day.before) stepTo(at, day.before);
    stepTo(at, day.after);
  }
  stepTo(midnightAfter(used.at(-1)?.at ?? axis.now), facts.quota);
  steps.push({ at: axis.latest, level: facts.quota });
  return path(steps, axis, { ...room, most: facts.quota });
}
