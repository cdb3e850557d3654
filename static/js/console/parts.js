// What the views of the console have in common: numbers, times, spans, and what to show when an answer is a refusal.

import { fault } from '../http.js';
import { html, nothing, signal } from '../ui.js';

const NUMBER = new Intl.NumberFormat('en');
const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
/** The units of a span, in seconds, the largest first. */
const UNITS = [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]];

/** How far the clock of the server is ahead of this machine's, in milliseconds: a sandbox moves its clock. */
const ahead = signal(0);

/** Notes what time it is at the server, so that `3 minutes ago` is by its clock. */
export function serverTime(time) {
  const found = Date.parse(time) - Date.now();
  // Less than two seconds is the way of the answer, and no reason to show everything anew.
  if (Math.abs(found - ahead.peek()) > 2000) ahead.value = found;
}

/** A number with its thousands apart: 12,000. */
export function number(value) {
  return NUMBER.format(value);
}

/** A number and its noun: 1 day, 3 days. */
export function counted(value, noun, plural = `${noun}s`) {
  return `${number(value)} ${value === 1 ? noun : plural}`;
}

/** How full a quota is, as a class: from four fifths on `warn`, and `bad` when nothing is left. */
export function fullness(used, quota) {
  if (used >= quota) return 'bad';
  return used >= quota * 0.8 ? 'warn' : '';
}

/** A span in at most two units: `1 hour 30 minutes`. */
export function span(seconds) {
  const at = UNITS.findIndex(([, length]) => seconds >= length);
  if (at < 0) return '0 seconds';
  const [unit, length] = UNITS[at];
  const whole = Math.floor(seconds / length);
  const rest = seconds % length;
  const first = counted(whole, unit);
  const next = UNITS[at + 1];
  const more = next ? Math.floor(rest / next[1]) : 0;
  return more > 0 ? `${first} ${counted(more, next[0])}` : first;
}

/** A time as the server writes it, to read: `2026-11-28 14:11:41 UTC`. */
export function absolute(time) {
  return time.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');
}

/** How long ago a time is, or how long until then: `3 minutes ago`. */
export function relative(time) {
  const seconds = Math.round((Date.parse(time) - Date.now() - ahead.value) / 1000);
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS.at(-1);
  return RELATIVE.format(Math.trunc(seconds / length), unit);
}

/** A time, relative, with the absolute one in its title. `never` stands for null. */
export function when(time, never = 'never') {
  return time ? html`<time datetime=${time} title=${absolute(time)}>${relative(time)}</time>` : never;
}

/** A time, absolute, with the relative one in its title. */
export function at(time, never = 'never') {
  return time ? html`<time datetime=${time} title=${relative(time)}>${absolute(time)}</time>` : never;
}

/** A link to a page outside of the console. It opens beside it, because the console forgets who is signed in when it is left. */
export function away(href, text) {
  return html`<a class="away" href=${href} target="_blank" rel="noopener">${text}<span class="visually-hidden"> (opens in a new tab)</span></a>`;
}

/** What an answer that is a refusal says, its page, and the id by which the server's operator finds it. */
export function refusal(answer, retry) {
  if (!answer) return nothing;
  const page = answer.body?.documentation ?? answer.body?.error_uri;
  return html`<div class="banner bad" role="alert">
    <p>${fault(answer)}${later(answer)}</p>
    <p class="row small">
      ${page ? away(page, `What ${answer.status} means here`) : nothing}
      ${answer.requestId ? html`<span>Request <code>${answer.requestId}</code></span>` : nothing}
      ${retry ? html`<button type="button" class="quiet" @click=${retry}>Try again</button>` : nothing}
    </p>
  </div>`;
}

/** When to try again, if the answer says it in seconds. */
function later({ headers = [] }) {
  const seconds = Number(headers.find(([name]) => name === 'retry-after')?.[1]);
  return seconds > 0 ? ` Try again in ${span(seconds)}.` : '';
}

/** What stands where something is being read from the server. */
export function loading() {
  return html`<p class="loading" aria-live="polite">One moment.</p>`;
}

/** Text that came from outside: it has its own direction, so it does not turn what stands around it. */
export function outside(text) {
  return html`<bdi>${text}</bdi>`;
}
