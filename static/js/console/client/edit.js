// The form that changes a client. Beside it stands what the change does, before it is made. If somebody else changed the
// client meanwhile, both versions are shown, and nothing is overwritten unasked.

import { commands } from '../../commands.js';
import { Unreachable } from '../../http.js';
import { admin, mayWrite } from '../../session.js';
import { batch, html, nothing, say, signal } from '../../ui.js';
import { holdHere } from '../leaving.js';
import { loading, outside, refusal } from '../parts.js';
import { resource } from '../resource.js';
import { go } from '../router.js';
import { conflict } from './conflict.js';
import { effects } from './effect.js';
import { clientFields, faultsOf, focusFault, refused } from './form.js';
import { LABELS, changesOf, draftOf, optionsOf, shown } from './members.js';

/** Opens the form for the client of this `client_id`. */
export function open({ name: id }) {
  const path = `/admin/clients/${encodeURIComponent(id)}`;
  const page = `/console/clients/${encodeURIComponent(id)}`;
  const client = resource(path);
  const terms = resource('/admin/terms');
  const usage = resource(`${path}/usage?days=90`);
  const draft = signal(undefined);
  const answer = signal(undefined);
  const isBusy = signal(false);
  const isUnanswered = signal(false);
  /** What the server has by now, when it refused a change with 412: `{ body, etag }`. */
  const theirs = signal(undefined);
  let release;

  const before = () => client.state.value.body;
  const current = () => draft.value ?? draftOf(before());
  const changes = () => changesOf(before(), current());

  const set = (some) => {
    draft.value = { ...current(), ...some };
    const isChanged = Object.keys(changes()).length > 0;
    if (isChanged) release ??= holdHere(`Your changes to ${id} are not saved.`);
    else letGo();
  };
  const letGo = () => {
    release?.();
    release = undefined;
  };

  const save = async (etag) => {
    if (isBusy.peek()) return;
    batch(() => {
      isBusy.value = true;
      isUnanswered.value = false;
      answer.value = undefined;
    });
    try {
      const got = await admin('PATCH', path, {
        body: JSON.stringify(changes()),
        headers: { 'If-Match': etag, 'Content-Type': 'application/merge-patch+json' },
      });
      if (got.status === 200) return await saved();
      if (got.status === 412) return await compare(got);
      answer.value = got;
      focusFault();
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      isUnanswered.value = true;
    } finally {
      isBusy.value = false;
    }
    return undefined;
  };

  const saved = async () => {
    letGo();
    await go(page);
    say(`${id} is changed.`);
  };

  const compare = async (failed) => {
    const now = await admin('GET', path);
    if (now.status !== 200) {
      answer.value = now.status === 404 ? now : failed;
      return;
    }
    theirs.value = { body: now.body, etag: now.headers.find(([name]) => name === 'etag')?.[1] ?? '', answer: now };
    requestAnimationFrame(() => document.getElementById('conflict')?.focus());
  };

  /** Goes on with the changes on top of what the server has. */
  const keepMine = () => {
    const { etag, answer: now } = theirs.peek();
    // The members that only the other one changed stay as they are there.
    const mine = changes();
    const merged = draftOf({ ...now.body, ...mine });
    batch(() => {
      client.put(now);
      draft.value = merged;
      theirs.value = undefined;
    });
    return save(etag);
  };

  const takeTheirs = () => batch(() => {
    client.put(theirs.peek().answer);
    draft.value = undefined;
    theirs.value = undefined;
    letGo();
  });

  const preview = () => {
    const rows = effects(before(), changes(), { usage: usage.state.value.body, terms: terms.state.value.body });
    return html`<aside class="preview card stack tight" aria-labelledby="preview">
      <h2 id="preview">What changes</h2>
      ${rows.length === 0 ? html`<p class="hint">Nothing yet. Change a field, and this says what it does.</p>` : nothing}
      <div class="stack" aria-live="polite">${rows.map(effect)}</div>
      ${usage.state.value.refused ? html`<p class="hint">What it has used cannot be read: ${usage.state.value.refused.body?.detail}</p>` : nothing}
      ${rows.length > 0 ? html`<p class="hint">It counts from the next request on, also for tokens that the client has.</p>` : nothing}
    </aside>`;
  };

  const form = () => {
    const patch = changes();
    const words = optionsOf(patch);
    const isChanged = Object.keys(patch).length > 0;
    return html`<form class="client-form beside" novalidate @submit=${(event) => { event.preventDefault(); save(client.state.peek().etag); }}>
      <div class="stack fields">${clientFields({ draft: current(), set, faults: faultsOf(answer.value), terms: terms.state.value.body })}</div>
      ${preview()}
      <div class="stack ends"><div aria-live="assertive">${answer.value ? refused(answer.value) : nothing}
        ${isUnanswered.value ? html`<p class="banner bad">The server did not answer. Your changes are still here: save again once it does.</p>` : nothing}</div>
      <div class="row actions">
        <button aria-busy=${isBusy.value} ?disabled=${!isChanged || !mayWrite.value}>Save</button>
        <a class="button quiet" href=${page}>Cancel</a>
        ${mayWrite.value ? nothing : html`<span class="hint">Your scope has no write:admin.</span>`}
      </div>
      ${isChanged ? commands({
        method: 'PATCH',
        path,
        headers: { 'If-Match': client.state.value.etag },
        body: patch,
        boomgate: ['client', 'edit', id, ...words],
      }) : nothing}</div>
    </form>`;
  };

  const body = () => {
    if (theirs.value) return conflict({ id, began: before(), now: theirs.value.body, mine: changes(), keepMine, takeTheirs });
    if (!before() || !terms.state.value.body) return client.state.value.refused || terms.state.value.refused ? nothing : loading();
    return form();
  };

  const view = () => html`
    <nav class="crumbs" aria-label="Where this is"><ol>
      <li><a href="/console/clients">Clients</a></li>
      <li><a href=${page} class="clip">${outside(before()?.client_name ?? id)}</a></li>
      <li aria-current="page">Edit</li></ol></nav>
    <h1>Edit <bdi class="name">${before()?.client_name ?? id}</bdi></h1>
    ${refusal(client.state.value.refused, client.read)}
    ${refusal(terms.state.value.refused, terms.read)}
    ${body()}`;

  return {
    view,
    close() {
      client.close();
      terms.close();
      usage.close();
      letGo();
    },
  };
}

function effect({ member, before, after, notes }) {
  return html`<div class="change">
    <h3>${LABELS[member]}</h3>
    <p><del><bdi>${shown(member, before)}</bdi></del> <span aria-hidden="true">→</span><span class="visually-hidden"> becomes </span>
      <ins><bdi>${shown(member, after)}</bdi></ins></p>
    ${notes.map(({ level, text }) => html`<p class="note ${level}">${text}</p>`)}
  </div>`;
}
