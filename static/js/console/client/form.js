// The fields of a client: the form that registers one and the form that changes one have the same.

import { html, nothing } from '../../ui.js';
import { counted, number, refusal, span } from '../parts.js';
import { LABELS, SCOPES, pace } from './members.js';

/** What is wrong with each member, by the JSON Pointers of a 422. What names no field of the form stays with `''`. */
export function faultsOf(answer) {
  const faults = {};
  for (const { pointer, detail } of answer?.body?.errors ?? []) {
    const member = pointer.split('/')[1]?.replaceAll('~1', '/').replaceAll('~0', '~') ?? '';
    faults[member] ??= detail;
  }
  return faults;
}

/** What a refusal says above the buttons: which fields are wrong, or else what the server says. */
export function refused(answer) {
  const members = Object.keys(faultsOf(answer));
  if (members.length === 0 || members.some((member) => !document.getElementById(`f-${member}`))) return refusal(answer);
  return html`<div class="banner bad" role="alert">
    <p>The server did not take it: ${counted(members.length, 'field is', 'fields are')} not valid.</p>
    <ul role="list" class="inline">${members.map((member) => html`<li><a href="#f-${member}" @click=${focusField}>${LABELS[member] ?? member}</a></li>`)}</ul>
  </div>`;
}

function focusField(event) {
  event.preventDefault();
  document.querySelector(event.currentTarget.hash)?.focus();
}

/** Puts the focus on the first field that is wrong. */
export function focusFault() {
  requestAnimationFrame(() => document.querySelector('.client-form [aria-invalid="true"]')?.focus());
}

/**
 * The fields.
 *
 * @param {object} form
 * @param {object} form.draft as `draftOf` makes it
 * @param {(changes: object) => void} form.set changes the draft
 * @param {object} form.faults as `faultsOf` makes it
 * @param {object} form.terms of the server
 * @param {boolean} [form.isNew] whether the client is registered: then it may choose its identifier and its secret
 */
export function clientFields({ draft, set, faults, terms, isNew = false }) {
  const context = { draft, set, faults };
  const { min, max } = terms.token_ttl;
  const lower = terms.client_defaults.unproven;
  return html`
    <fieldset class="stack">
      <legend>Who it is</legend>
      ${field(context, 'client_name', 'What people call it, in 1 to 200 characters. It can be changed.', (about) => html`
        <input id="f-client_name" .value=${draft.client_name} @input=${typed(set, 'client_name')} autocomplete="off" dir="auto"
          aria-required="true" aria-describedby=${about} aria-invalid=${invalid(faults, 'client_name')}>`)}
    </fieldset>
    <fieldset class="stack">
      <legend>What it may do</legend>
      ${choices(context, 'scope', terms.scopes, 'What its tokens may do. It may ask for a part of this, and gets all of it by default.', (scope) => SCOPES[scope])}
      ${choices(context, 'audience', terms.audiences, 'The API sets that its tokens may be for.', (audience) => audienceText(audience, terms))}
      ${administrationNote(draft)}
      ${numberField(context, 'token_ttl', `Seconds, ${number(min)} to ${number(max)}. Then it asks for a new one. A shorter life makes a stolen token useless sooner, and costs more token requests.`, (value) => span(value))}
    </fieldset>
    <fieldset class="stack">
      <legend>How much it may call</legend>
      ${numberField(context, 'requests_per_second', '0.001 to 1,000,000; 0.5 is one request in 2 seconds. So many permits come back in a second.')}
      ${numberField(context, 'burst', 'Requests at once after a pause, 1 to 1,000,000. A request without a permit gets 429, and Retry-After says when to try again.', () => throttleText(draft))}
      ${quotaField(context)}
      ${flag(context, 'enforce', 'Refuse what is over a limit', 'Off: what is over a limit is answered as usual, and only counted. Good to try a limit before it hurts.')}
      ${flag(context, 'report_required', 'Require the report of an exam', `Until it has shown one that is valid, it may send at most ${pace(lower.requests_per_second, lower.burst)}${lower.daily_quota === null ? '' : `, ${number(lower.daily_quota)} a day`}.`)}
    </fieldset>
    <details class="more" ?open=${Boolean(faults.client_id || faults.client_secret || faults.declared)}>
      <summary>${isNew ? 'Choose its client_id or secret, declared clients' : 'Declared clients'}</summary>
      <div class="stack">
        ${isNew ? identity(context) : nothing}
        ${flag(context, 'declared', 'A file declares it', 'boomgate client sync sets this mark. With --prune, it deletes a client that has the mark and is not in its file.')}
      </div>
    </details>`;
}

function typed(set, member) {
  return ({ target }) => set({ [member]: target.value });
}

function invalid(faults, member) {
  return faults[member] ? 'true' : nothing;
}

/** A label, its control, what it means, and what is wrong with it. */
function field({ faults }, member, hint, control, aside = nothing) {
  const about = `h-${member} e-${member}`;
  return html`<div class="field">
    <label for="f-${member}">${LABELS[member] ?? member}</label>
    <div class="control">${control(about)}${aside}</div>
    <p class="hint" id="h-${member}">${hint}</p>
    <p class="error" id="e-${member}">${faults[member] ?? ''}</p>
  </div>`;
}

function numberField(context, member, hint, reading) {
  const { draft, set, faults } = context;
  const value = Number(draft[member]);
  const read = reading && draft[member].trim() && value > 0 ? html`<span class="reading">${reading(value)}</span>` : nothing;
  return field(context, member, hint, (about) => html`
    <input id="f-${member}" class="number" inputmode="decimal" .value=${draft[member]} @input=${typed(set, member)} autocomplete="off"
      aria-describedby=${about} aria-invalid=${invalid(faults, member)}>`, read);
}

function throttleText(draft) {
  const [rate, burst] = [Number(draft.requests_per_second), Number(draft.burst)];
  return rate > 0 && burst > 0 ? pace(rate, burst) : '';
}

function quotaField(context) {
  const { draft, set } = context;
  const unlimited = html`<label class="choice"><input type="checkbox" .checked=${draft.isUnlimited}
    @change=${({ target }) => set({ isUnlimited: target.checked })}> No limit</label>`;
  return field(context, 'daily_quota', 'In a day of UTC, 1 to 100,000,000,000. The next request gets 429 until 00:00 UTC. Exactly so many pass, on any number of connections.', (about) => html`
    <input id="f-daily_quota" class="number" inputmode="numeric" .value=${draft.daily_quota} @input=${typed(set, 'daily_quota')} autocomplete="off"
      ?disabled=${draft.isUnlimited} aria-describedby=${about} aria-invalid=${invalid(context.faults, 'daily_quota')}>`, unlimited);
}

function flag({ draft, set, faults }, member, label, hint) {
  return html`<div class="field">
    <label class="choice"><input type="checkbox" id="f-${member}" .checked=${draft[member]} @change=${({ target }) => set({ [member]: target.checked })}
      aria-describedby="h-${member} e-${member}" aria-invalid=${invalid(faults, member)}> ${label}</label>
    <p class="hint" id="h-${member}">${hint}</p>
    <p class="error" id="e-${member}">${faults[member] ?? ''}</p>
  </div>`;
}

function choices({ draft, set, faults }, member, offered, hint, meaning) {
  const toggle = (value) => ({ target }) => {
    const chosen = new Set(draft[member]);
    if (target.checked) chosen.add(value);
    else chosen.delete(value);
    set({ [member]: offered.filter((one) => chosen.has(one)).concat([...chosen].filter((one) => !offered.includes(one))) });
  };
  const all = offered.concat(draft[member].filter((one) => !offered.includes(one)));
  return html`<div class="field" role="group" aria-labelledby="l-${member}" aria-describedby="h-${member} e-${member}">
    <p class="label" id="l-${member}">${LABELS[member]}</p>
    <p class="hint" id="h-${member}">${hint}</p>
    <ul class="choices" role="list">${all.map((value, index) => html`<li>
      <label class="choice"><input type="checkbox" id=${index === 0 ? `f-${member}` : nothing} .checked=${draft[member].includes(value)} @change=${toggle(value)}
        aria-invalid=${invalid(faults, member)}> <span><code>${value}</code> <span class="hint">${meaning(value) ?? ''}</span></span></label></li>`)}</ul>
    <p class="error" id="e-${member}">${faults[member] ?? ''}</p>
  </div>`;
}

function audienceText(audience, terms) {
  if (audience === terms.audiences[0]) return 'This server’s own API.';
  return audience === 'admin.api.boomgate' ? 'The administration of this server.' : '';
}

/** An administrator needs an audience and a scope: one without the other does nothing. */
function administrationNote({ scope, audience }) {
  const hasScope = scope.some((one) => one.endsWith(':admin'));
  const hasAudience = audience.includes('admin.api.boomgate');
  if (hasScope === hasAudience) return nothing;
  return html`<p class="banner warn">${hasScope
    ? html`A scope of the administration is of no use without the audience <code>admin.api.boomgate</code>.`
    : html`The audience <code>admin.api.boomgate</code> is of no use without <code>read:admin</code> or <code>write:admin</code>.`}</p>`;
}

function identity(context) {
  const { draft, set, faults } = context;
  return [
    field(context, 'client_id', 'Blank: the server makes one. Else 1 to 64 letters, digits, dots, underscores, tildes or hyphens, not . or .. and it never changes.', (about) => html`
      <input id="f-client_id" class="code" .value=${draft.client_id} @input=${typed(set, 'client_id')} autocomplete="off" autocapitalize="off" spellcheck="false"
        aria-describedby=${about} aria-invalid=${invalid(faults, 'client_id')}>`),
    field(context, 'client_secret', 'Blank is best: the server makes one of 256 random bits. Else 32 to 256 visible ASCII characters that are hard to guess.', (about) => html`
      <input id="f-client_secret" class="code" type="password" .value=${draft.client_secret} @input=${typed(set, 'client_secret')} autocomplete="new-password"
        aria-describedby=${about} aria-invalid=${invalid(faults, 'client_secret')}>`),
  ];
}
