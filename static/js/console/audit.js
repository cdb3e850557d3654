// The audit log: live, filtered, and verified.

import { live } from '../../vendor/lit-html/directives/live.js';
import { commands } from '../commands.js';
import { effect, html, nothing, signal } from '../ui.js';
import { ACTIONS, actionName, isAboutClient } from './audit/actions.js';
import { auditPath, followLog } from './audit/log.js';
import { verification } from './audit/verification.js';
import { counted, loading, number, outside, refusal, when } from './parts.js';
import { setQuery } from './router.js';

/** The filters of the log, in the order of the form. */
const NAMES = ['action', 'actor', 'subject', 'source', 'since', 'until'];
const TYPING_MS = 300;

const clientLink = (id) => html`<a href="/console/clients/${encodeURIComponent(id)}">${outside(id)}</a>`;

function row(entry, isFresh) {
  if (entry.broken) {
    return html`<tr class="broken"><th scope="row" class="num">${number(entry.number)}</th>
      <td colspan="5"><span class="badge bad">cannot be read</span> ${entry.broken}</td></tr>`;
  }
  const { subject } = entry;
  return html`<tr class=${isFresh ? 'fresh' : nothing}>
    <th scope="row" class="num">${number(entry.number)}</th>
    <td>${when(entry.at)}</td>
    <td>${actionName(entry.action)}${entry.outcome === 'refused' ? html` <span class="badge warn">refused</span>` : nothing}
      ${entry.attempts ? html` <span class="badge">${counted(entry.attempts, 'attempt')}</span>` : nothing}</td>
    <td>${entry.actor ? clientLink(entry.actor) : html`<span class="hint">${entry.source ? 'nobody' : 'the server'}</span>`}</td>
    <td>${!subject ? html`<span class="hint">–</span>` : isAboutClient(entry.action) ? clientLink(subject) : html`<code class="clip" title=${subject}>${subject}</code>`}</td>
    <td>${entry.source ?? html`<span class="hint">–</span>`}${entry.request_id ? html`<code class="clip request" title="Request ${entry.request_id}">${entry.request_id}</code>` : nothing}</td>
  </tr>`;
}

/** A filter that is a text. */
function textFilter(filters, name, label, hint) {
  return html`<label>${label} <input name=${name} .value=${filters.value[name]} placeholder=${hint} maxlength="128"
    autocomplete="off" autocapitalize="off" spellcheck="false"></label>`;
}

/** The value of an input of a day and a time, which the form says is UTC, as the server reads it; and back. */
const toTime = (text) => (text ? `${text.length === 16 ? `${text}:00` : text}Z` : '');
const toInput = (time) => time.replace(/(:00)?(\.\d+)?Z$/, '');

/** Opens `/console/audit`. */
export function open({ query }) {
  const filters = signal(Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ''])));
  const log = signal(undefined);
  const verify = verification();
  let typing;

  const stopFollowing = effect(() => {
    const followed = followLog(filters.value);
    log.value = followed;
    return followed.close;
  });

  const filterBy = (changes) => {
    filters.value = { ...filters.peek(), ...changes };
    setQuery(filters.peek());
  };
  const changed = ({ target }) => {
    clearTimeout(typing);
    const value = target.type === 'datetime-local' ? toTime(target.value) : target.value.trim();
    if (value === filters.peek()[target.name]) return;
    const isText = target.type === 'text';
    typing = setTimeout(() => filterBy({ [target.name]: value }), isText ? TYPING_MS : 0);
  };
  const clear = () => filterBy(Object.fromEntries(NAMES.map((name) => [name, ''])));

  const form = () => html`<form class="filters" aria-label="Filters" @submit=${(event) => event.preventDefault()} @input=${changed}>
    <label>Action <select name="action">${['', ...ACTIONS].map((action) => html`
      <option value=${action} .selected=${live(filters.value.action === action)}>${action ? actionName(action) : 'all'}</option>`)}</select></label>
    ${textFilter(filters, 'actor', 'By', 'a client_id')}
    ${textFilter(filters, 'subject', 'About', 'a client_id, jti or kid')}
    ${textFilter(filters, 'source', 'From', 'an address')}
    <label class="time">Since (UTC) <input type="datetime-local" name="since" .value=${toInput(filters.value.since)}></label>
    <label class="time">Until (UTC) <input type="datetime-local" name="until" .value=${toInput(filters.value.until)}></label>
    ${NAMES.some((name) => filters.value[name]) ? html`<button type="button" class="quiet" @click=${clear}>Show all</button>` : nothing}
  </form>`;

  const table = (entries, fresh) => html`<div class="scroll" tabindex="0" role="region" aria-label="Entries of the audit log">
    <table class="data audit"><caption class="visually-hidden">Entries, the newest first</caption>
      <thead><tr><th scope="col" class="num">No.</th><th scope="col">When</th><th scope="col">What</th><th scope="col">By</th>
        <th scope="col">About</th><th scope="col">From</th></tr></thead>
      <tbody>${entries.map((entry, index) => row(entry, index < fresh))}</tbody></table></div>`;

  const list = () => {
    const { entries, fresh, older, isReadingOlder, refused, isLive, minute, readOlder, read } = log.value;
    // So that `3 minutes ago` stays true.
    minute.value;
    const shown = entries.value;
    const isFiltered = NAMES.some((name) => filters.value[name]);
    return html`${refusal(refused.value, read)}
      ${shown === undefined && !refused.value ? loading() : nothing}
      ${shown?.length ? html`
        <div class="toolbar">
          <p class="count" role="status">${counted(shown.length, 'entry', 'entries')} shown${fresh.value ? `, ${number(fresh.value)} of them new` : ''}</p>
          <span class="spacer"></span>
          <button type="button" class="quiet live" aria-pressed=${isLive.value} @click=${() => { isLive.value = !isLive.value; }}>
            <span class="dot" aria-hidden="true"></span> Live</button>
        </div>
        ${table(shown, fresh.value)}` : nothing}
      ${shown?.length === 0 ? html`<div class="empty"><p>${older.value ? 'None of the entries that the server has looked at so far is one of these.' : isFiltered ? 'No entry is one of these.' : 'The log is empty.'}</p></div>` : nothing}
      ${older.value ? html`<button type="button" class="quiet older" aria-busy=${isReadingOlder.value} @click=${readOlder}>Show older entries</button>` : nothing}`;
  };

  const view = () => {
    const given = Object.entries(filters.value).filter(([, value]) => value);
    return html`<div class="heading"><h1>Audit log</h1></div>
      <p class="hint">Each change that somebody made, in the change's own commit. An entry never has a secret or a token.</p>
      ${form()}
      ${list()}
      ${commands({ path: auditPath(filters.value, { limit: 50 }), boomgate: ['audit', '--follow', ...given.flatMap(([name, value]) => [`--${name}`, value])] })}
      ${verify.view()}`;
  };

  return {
    view,
    close() {
      clearTimeout(typing);
      stopFollowing();
      verify.close();
    },
  };
}
