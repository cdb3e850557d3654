// Times and spans as people read them. Days are UTC, as the server counts them.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const DAY = 24 * HOUR;

const UNITS = [[DAY, 'd'], [HOUR, 'h'], [MINUTE, 'min'], [SECOND, 's']];

/** A span in milliseconds in its two largest units, such as `9 h 46 min`. */
export function span(milliseconds) {
  const whole = Math.max(0, Math.round(milliseconds / SECOND)) * SECOND;
  const first = UNITS.findIndex(([unit]) => whole >= unit);
  if (first < 0) return '0 s';
  const [unit, name] = UNITS[first];
  const [next, nextName] = UNITS[first + 1] ?? [];
  const count = Math.floor(whole / unit);
  const rest = next ? Math.floor((whole - count * unit) / next) : 0;
  return rest ? `${count} ${name} ${rest} ${nextName}` : `${count} ${name}`;
}

/** A moment as the server writes it: `2026-11-28T14:13:22Z`. */
export function stamp(milliseconds) {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** The time of the day: `14:13:22Z`. */
export function clockTime(milliseconds) {
  return stamp(milliseconds).slice(11);
}

/** The day and the time: `28 Nov 14:13:22Z`. */
export function dayAndTime(milliseconds) {
  const [year, month, day] = stamp(milliseconds).slice(0, 10).split('-');
  const name = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][month - 1];
  return `${Number(day)} ${name} ${year} ${clockTime(milliseconds)}`;
}

/** 00:00Z of the day after the one of this moment. */
export function midnightAfter(milliseconds) {
  return (Math.floor(milliseconds / DAY) + 1) * DAY;
}
