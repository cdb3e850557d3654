// Which rows of a long table are in the page: the ones that one sees, and a few above and below. What stands for the others is
// a row of their height, so the bar at the side is that of the whole table.

import { computed, effect, signal } from '../../ui.js';

/** The height of a row, as the style sheet has it. */
const ROW_REM = 3.5;
/** Rows above and below the ones that one sees. */
const MARGIN = 8;
/** The table moves on by so many rows at a time, not at each pixel. */
const STEP = 4;
/** The height of a box that was not measured yet, in pixels. */
const GUESSED = 800;

/** Where the table was scrolled to, so that the back button leads there. */
let lastTop = 0;

/**
 * The rows in the page.
 *
 * @param {{ value: object[] }} rows all rows
 * @param {() => Element | null} box what scrolls
 * @returns `part()`: the rows in the page, the index of the first, and the heights above and below; `scrolled`, which listens
 * to the box; `toTop()`; `close()`
 */
export function rowWindow(rows, box) {
  const rowHeight = ROW_REM * parseFloat(getComputedStyle(document.documentElement).fontSize);
  const top = signal(0);
  const height = signal(GUESSED);
  const first = computed(() => {
    const row = Math.floor(top.value / rowHeight) - MARGIN;
    return Math.max(0, Math.min(row - (row % STEP), rows.value.length - 1));
  });
  const end = computed(() => Math.min(rows.value.length, first.value + Math.ceil(height.value / rowHeight) + 2 * MARGIN + STEP));

  let wanted = lastTop;
  const stopRestoring = effect(() => {
    if (!wanted || rows.value.length * rowHeight < wanted) return;
    requestAnimationFrame(() => {
      box()?.scrollTo(0, wanted);
      wanted = 0;
    });
  });

  return {
    part: () => ({
      from: first.value,
      rows: rows.value.slice(first.value, end.value),
      above: first.value * rowHeight,
      below: (rows.value.length - end.value) * rowHeight,
    }),
    scrolled({ currentTarget }) {
      lastTop = currentTarget.scrollTop;
      top.value = currentTarget.scrollTop;
      height.value = currentTarget.clientHeight;
    },
    toTop: () => box()?.scrollTo(0, 0),
    close: stopRestoring,
  };
}
