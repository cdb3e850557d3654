// When the picture is drawn, and for which moment: often while dots move in it, and it glides through a jump of the clock.

import { effect, signal } from '../ui.js';
import { clock, jumps, sandboxNow } from '../sandbox/clock.js';
import { between } from './scale.js';

const LIVELY_MS = 100;
const CALM_MS = 1_000;
/** After this long without a request nothing near the middle of the axis moves fast. */
const LIVELY_FOR_MS = 60_000;
const GLIDE_MS = 750;

const wantsCalm = matchMedia('(prefers-reduced-motion: reduce)');

/**
 * The pace of the picture in `place`. `lastRequest()` says when the newest request came.
 *
 * @returns `tick`, a signal that changes when it is time to draw; `middle(preview)`, the moment in the middle of the axis
 * (`now`) and the one that the handle is at (`shown`); and `close()`
 */
export function pace(place, lastRequest) {
  const tick = signal(0);
  /** The jump that the picture glides through: `{ from, to, began }`. */
  let glide = null;
  let isSeen = true;
  let drawn = 0;
  let frame;

  const watcher = new IntersectionObserver(([{ isIntersecting }]) => { isSeen = isIntersecting; });
  watcher.observe(place);

  function draw(time) {
    frame = requestAnimationFrame(draw);
    const now = sandboxNow();
    if (!isSeen || document.hidden || now === undefined) return;
    const isLively = !wantsCalm.matches && !clock.peek().frozen && now - lastRequest() < LIVELY_FOR_MS;
    if (!glide && time - drawn < (isLively ? LIVELY_MS : CALM_MS)) return;
    drawn = time;
    tick.value += 1;
  }
  frame = requestAnimationFrame(draw);

  let known = jumps.peek();
  const stop = effect(() => {
    const jump = jumps.value.at(-1);
    if (jump && jumps.value !== known && !wantsCalm.matches) glide = { ...jump, began: performance.now() };
    known = jumps.value;
  });

  return {
    tick,
    middle(preview) {
      const part = glide ? (performance.now() - glide.began) / GLIDE_MS : 1;
      if (part >= 1) {
        glide = null;
        return { now: sandboxNow(), shown: preview };
      }
      const eased = part * part * (3 - 2 * part);
      return { now: between(glide.from, glide.to, eased), shown: glide.to };
    },
    close() {
      cancelAnimationFrame(frame);
      watcher.disconnect();
      stop();
    },
  };
}
