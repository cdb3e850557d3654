// Time bands: what lives, what is left and what came, of one client, on one axis of time; and the clock, to drag forward.

import { askForControl, controlForm } from './console/control.js';
import { controlToken } from './session.js';
import { effect, html, mount, nothing, signal } from './ui.js';
import { clock, sandboxNow } from './sandbox/clock.js';
import { controls } from './bands/controls.js';
import { legend } from './bands/dots.js';
import { pace } from './bands/pace.js';
import { picture } from './bands/picture.js';
import { source } from './bands/source.js';
import { tables } from './bands/table.js';

/**
 * The time bands of a client, in a sandbox.
 *
 * @param {object} arguments
 * @param {{ value: { clientId: string } | null }} arguments.client a signal
 * @param {{ value: { accessToken: string, claims: object } | null }} arguments.token a signal: the token that the page holds
 * @param {(requestId: string) => void} [arguments.open] shows why; without it a dot is a plain link
 * @param {(requestId: string) => string} [arguments.href] where a dot leads: to the page `/why/{id}` by default
 * @returns {{ view: () => object, close: () => void }}
 */
export function bands({ client, token, open, href = (id) => `/why/${encodeURIComponent(id)}` }) {
  const { facts, close: closeSource } = source({ client, token });
  /** The moment that the clock is dragged to, or null. */
  const preview = signal(null);
  /** The request whose text is shown, or null. */
  const chosen = signal(null);
  const width = signal(0);
  const isTableOpen = signal(false);
  const { view: form, goTo, command } = controls({ facts, preview });

  const act = {
    href,
    move: (to) => { preview.value = to; },
    cancel: () => { preview.value = null; },
    commit: () => { if (preview.peek()) goTo(preview.peek()); },
    choose: (point) => { chosen.value = point; },
    leave: () => { chosen.value = null; },
    open: (event, point) => {
      const isPlain = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
      if (!open || !isPlain) return;
      event.preventDefault();
      open(point.id);
    },
  };

  // Each is drawn at its own pace. The page around them is not drawn for a dot that moves.
  const part = (className) => Object.assign(document.createElement('div'), { className });
  const [place, below, more] = ['place', 'controls', 'more'].map(part);

  const { tick, middle, close: closePace } = pace(place, () => facts.peek().points.at(-1)?.at ?? 0);
  const watcher = new ResizeObserver(([{ contentRect }]) => { width.value = Math.floor(contentRect.width); });
  watcher.observe(place);

  function drawPicture() {
    // The tick is read, so that each one draws.
    if (tick.value < 0 || !clock.value || !width.value) return html`<p class="hint">One moment.</p>`;
    const { now, shown } = middle(preview.value);
    const isFrozen = clock.value.frozen;
    return picture({ facts: facts.value, width: width.value, now, preview: shown, chosen: chosen.value, isFrozen, act });
  }

  const toggle = ({ currentTarget }) => { isTableOpen.value = currentTarget.open; };
  const drawMore = () => html`${command()}
    <details @toggle=${toggle}><summary>The same as a table</summary>
      ${isTableOpen.value && clock.value ? tables(facts.value, sandboxNow(), href) : nothing}</details>`;

  const stops = [
    closeSource,
    closePace,
    mount(place, drawPicture),
    mount(below, form),
    mount(more, drawMore),
    effect(() => { if (!client.value) preview.value = null; }),
  ];
  if (!controlToken.peek()) askForControl();

  function content() {
    if (!controlToken.value) return controlForm({ isPart: true });
    if (!client.value) return html`<p class="empty">Choose a client. Its token, its limits, its secrets and its requests appear here.</p>`;
    return html`${place}${legend}${below}${more}`;
  }

  return {
    view: () => html`<div class="bands">${content()}</div>`,
    close() {
      watcher.disconnect();
      stops.forEach((stop) => stop());
    },
  };
}
