// The part of the audit view that verifies the log.

import { commands } from '../../commands.js';
import { code, html, nothing, signal } from '../../ui.js';
import { counted, number, refusal } from '../parts.js';
import { readAnchor, verifyLog } from './verify.js';

/** The check: `view()` and `close()`. */
export function verification() {
  const state = signal({ is: 'idle' });
  const anchor = signal('');
  let stop;

  const start = async (event) => {
    event.preventDefault();
    const text = anchor.peek().trim();
    const wanted = text ? readAnchor(text) : undefined;
    if (text && !wanted) {
      state.value = { is: 'unread' };
      return;
    }
    stop = new AbortController();
    state.value = { is: 'running', last: 0, of: 0 };
    try {
      const progress = (last, of) => { state.value = { is: 'running', last, of }; };
      state.value = { is: 'done', anchor: wanted, ...await verifyLog({ anchor: wanted, progress, signal: stop.signal }) };
    } catch (error) {
      if (error.name !== 'AbortError') throw error;
      state.value = { is: 'idle' };
    }
  };

  const result = () => {
    const { is, last, of, head, fault, refused, anchor: wanted } = state.value;
    if (is === 'running') {
      return html`<p class="row" role="status"><progress max=${Math.max(of, 1)} value=${last} aria-label="Entries that were verified"></progress>
        ${number(last)}${of ? ` of ${counted(of, 'entry', 'entries')}` : ''}
        <button type="button" class="quiet small" @click=${() => stop.abort()}>Stop</button></p>`;
    }
    if (is !== 'done') return nothing;
    if (refused) return refusal(refused);
    if (fault) return html`<div class="banner bad" role="alert"><p><strong>The log is not what was written.</strong> ${fault}</p></div>`;
    if (head.number === 0) return html`<p class="banner" role="status">The log is empty.</p>`;
    return html`<div class="banner ok" role="status"><p><strong>${head.number === 1 ? 'The one entry is' : `All ${counted(head.number, 'entry', 'entries')} are`} as written.</strong>
        ${wanted ? 'The log goes on from the anchor.' : ''} Note the last one, and give it as the anchor of a later check:</p>
      ${code(`${head.number}:${head.digest}`, 'The last entry, as an anchor')}</div>`;
  };

  const view = () => html`<section class="card stack tight" aria-labelledby="verify">
    <h2 id="verify">Verify</h2>
    <p>Each entry has the digest of the one before. This page reads the whole log and computes every digest again, so it finds an entry that was
      altered, moved or removed. An anchor, the last entry of an earlier check, also finds a log that was written anew.</p>
    <form class="row verify" @submit=${start}>
      <label>Anchor, if you have one <input class="code" placeholder="NUMBER:DIGEST" autocomplete="off" autocapitalize="off" spellcheck="false"
        aria-invalid=${state.value.is === 'unread'} aria-describedby="anchor-fault" .value=${anchor.value} @input=${({ target }) => { anchor.value = target.value; }}></label>
      <button aria-busy=${state.value.is === 'running'} ?disabled=${state.value.is === 'running'}>Verify the log</button>
      <p id="anchor-fault" class="error">${state.value.is === 'unread' ? 'An anchor is a number, a colon and 43 characters, as an earlier check has shown it.' : ''}</p>
    </form>
    <div aria-live="polite">${result()}</div>
    ${commands({ path: '/admin/audit?after=0&limit=100', boomgate: ['audit', 'verify', ...(readAnchor(anchor.value) ? ['--anchor', anchor.value.trim()] : [])] })}
  </section>`;

  return { view, close: () => stop?.abort() };
}
