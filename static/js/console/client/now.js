// Where a client stands with its limits now, and when it was last seen.

import { effect, html, nothing } from '../../ui.js';
import { fullness, number, refusal, serverTime, when } from '../parts.js';
import { resource } from '../resource.js';
import { pace } from './members.js';

const EVERY_MS = 5_000;

/** Read again each 5 seconds. */
export function openNow(id) {
  // The list is searched by a part of the identifier, and the identifier itself is the first that has it, or near that.
  const activity = resource(`/admin/activity?limit=100&q=${encodeURIComponent(id)}`, { every: EVERY_MS });
  const found = () => activity.state.value.body?.data.find((one) => one.client_id === id);
  const stopTelling = effect(() => {
    const { body } = activity.state.value;
    if (body) serverTime(body.now);
  });

  const view = (client) => {
    const limits = client.limits_in_effect ?? client;
    const now = found();
    return html`<section class="card stack tight" aria-labelledby="now"><h2 id="now">Now</h2>
      ${refusal(activity.state.value.refused, activity.read)}
      <dl class="facts">
        <div><dt>Today</dt><dd class="stack tight">${today(now, limits)}</dd></div>
        <div><dt>This second</dt><dd>${throttle(now)}</dd></div>
        <div><dt>Last minute</dt><dd>${now ? `${number(now.last_minute.admitted)} passed, ${number(now.last_minute.refused)} refused` : unknown()}</dd></div>
        <div><dt>Last seen</dt><dd>${now ? when(now.last_seen, 'not since the server started') : unknown()}</dd></div>
        <div><dt>May send</dt><dd>${pace(limits.requests_per_second, limits.burst)}</dd></div>
        <div><dt>Over a limit</dt><dd>${client.enforce ? 'refused with 429' : html`<span class="badge warn">counts only</span> answered as usual`}</dd></div>
      </dl>
      ${client.limits_in_effect ? html`<p class="banner warn">Its limits are lower than what it was given, until it shows the report of an exam that is valid.</p>` : nothing}
    </section>`;
  };

  return {
    view,
    read: activity.read,
    close() {
      stopTelling();
      activity.close();
    },
  };
}

function unknown() {
  return html`<span class="hint">not known yet</span>`;
}

function today(now, limits) {
  if (!now) return html`<span class="hint">${limits.daily_quota === null ? 'no quota' : `quota ${number(limits.daily_quota)}`}</span>`;
  if (!now.today) return html`<span class="hint">The server cannot count now, because its store does not answer.</span>`;
  const { used, quota, resets_at: resetsAt } = now.today;
  if (quota === null) return html`<span>${number(used)} <span class="hint">no quota</span></span>`;
  return html`<span>${number(used)} of ${number(quota)}</span>
    <progress class="meter ${fullness(used, quota)}" max=${quota} value=${Math.min(used, quota)} aria-label="Used of today's quota"></progress>
    <span class="hint">${used < quota ? `${number(quota - used)} left` : now.enforce ? 'every request gets 429' : 'over the quota, and only counted'};
      a new day begins ${when(resetsAt)}</span>`;
}

function throttle(now) {
  if (!now) return unknown();
  const { remaining, burst } = now.throttle;
  if (remaining === 0) return html`<span class="badge bad">no permit left</span> the next request ${now.enforce ? 'gets 429' : 'is only counted'}`;
  return `${number(remaining)} of ${number(burst)} permits left`;
}
