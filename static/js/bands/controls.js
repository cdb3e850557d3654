// The clock by a form and by buttons, and what will have happened at the moment that the handle is at.

import { commands } from '../commands.js';
import { Unreachable, fault } from '../http.js';
import { html, nothing, signal } from '../ui.js';
import { advanceClock, clock, freezeClock, resumeClock, sandboxNow, setClock } from '../sandbox/clock.js';
import { dayAndTime, span, stamp } from '../sandbox/times.js';
import { consequences } from './truth.js';
import { expiryOf, wish } from './wish.js';

const PAST_MIDNIGHT = 'past midnight';
const TO_EXPIRY = "to the token's expiry";
/** What the form suggests. */
const CHOICES = ['15m', '1h', '24h', PAST_MIDNIGHT, TO_EXPIRY];
/** The buttons beside the form, and what each writes into it. */
const QUICK = [['1 min', '1m'], ['15 min', '15m'], ['1 h', '1h'], ['Past midnight', PAST_MIDNIGHT], ['To the token’s expiry', TO_EXPIRY]];

/** The controls of the clock, for the facts of the signal `facts`. */
export function controls({ facts, preview }) {
  const failure = signal('');
  const isBusy = signal(false);
  /** The last thing that was done: the words of its command after `boomgate clock`, and the body of its request. */
  const done = signal({ words: ['advance', '15m'], body: { by: '15m' } });

  async function act(request, action) {
    if (isBusy.peek()) return;
    failure.value = '';
    isBusy.value = true;
    done.value = action;
    try {
      const answer = await request();
      if (answer.status !== 200) failure.value = fault(answer);
    } catch (error) {
      failure.value = error instanceof Unreachable ? 'The server does not answer, so the clock is as it was.' : error.message;
    }
    isBusy.value = false;
    preview.value = null;
  }

  const advance = (by) => act(() => advanceClock(by), { words: ['advance', by], body: { by } });
  const goTo = (to) => act(() => setClock(to), { words: ['set', stamp(to)], body: { to: stamp(to) } });
  const freeze = () => act(freezeClock, { words: ['freeze'] });
  const resume = () => act(resumeClock, { words: ['resume'] });

  function move(text) {
    const now = sandboxNow();
    const { to, by, why } = wish(text, { now, expiry: expiryOf(facts.peek(), now) });
    if (why) failure.value = why;
    else if (to !== undefined) goTo(to);
    else advance(by);
  }

  const submit = (event) => {
    event.preventDefault();
    move(new FormData(event.target).get('by'));
  };

  function foreseen() {
    const to = preview.value;
    const now = sandboxNow();
    if (!to || !now) return html`<p class="hint">Drag the time to the right, past midnight if you like. What you pass will have happened.
      With the keyboard: arrow keys for minutes, Page Up and Page Down for hours, End for midnight; then Enter.</p>`;
    const all = consequences(facts.value, now, to).map(({ text, tone }) => html`<li class=${tone}>${text}</li>`);
    return html`<p><strong>At ${dayAndTime(to)}</strong>, ${span(to - now)} from now:</p>
      ${all.length ? html`<ul>${all}</ul>` : html`<p>Nothing of this client changes until then.</p>`}`;
  }

  function view() {
    const isFrozen = clock.value?.frozen;
    const button = (label, act, isPressed = nothing) => html`<button type="button" class="quiet" ?disabled=${isBusy.value}
      aria-pressed=${isPressed} @click=${act}>${label}</button>`;
    return html`
      <div class="foreseen" role="status">${foreseen()}</div>
      <form class="toolbar" @submit=${submit}>
        <div class="field">
          <label for="advance-by">Advance by</label>
          <input id="advance-by" name="by" list="advance-choices" required autocomplete="off" spellcheck="false"
            placeholder="15m, 1h, past midnight">
          <datalist id="advance-choices">${CHOICES.map((choice) => html`<option value=${choice}></option>`)}</datalist>
        </div>
        <button ?disabled=${isBusy.value}>Advance</button>
        <span class="quick" role="group" aria-label="Often used">
          ${QUICK.map(([label, text]) => button(label, () => move(text)))}
          ${button(isFrozen ? 'Resume' : 'Freeze', isFrozen ? resume : freeze, Boolean(isFrozen))}
        </span>
      </form>
      ${failure.value ? html`<p class="error" role="alert">${failure.value}</p>` : nothing}`;
  }

  function command() {
    const { words, body } = done.value;
    return commands({ boomgate: ['clock', ...words], method: 'POST', path: `/sandbox/clock/${words[0]}`, body, token: 'control' });
  }

  return { view, goTo, command };
}
