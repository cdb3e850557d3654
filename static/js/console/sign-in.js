// The form with which an administrator signs in, and the dialog that asks again when the token has ended.

import { facts } from '../facts.js';
import { Unreachable } from '../http.js';
import { administrator, asked, ended, signIn } from '../session.js';
import { batch, effect, html, nothing, signal } from '../ui.js';
import { openDialog } from './dialog.js';
import { refusal } from './parts.js';

/** Published: the same in every sandbox, and in no server that is for real. */
const DEMO = { clientId: 'demo-admin', clientSecret: 'bg_secret_demoAdminInTheSandboxOnlyNotForProduction004CCSqY' };

const failure = signal(undefined);
const isBusy = signal(false);

async function submit(event) {
  event.preventDefault();
  const fields = new FormData(event.target);
  batch(() => {
    failure.value = undefined;
    isBusy.value = true;
  });
  try {
    await signIn(fields.get('client_id').trim(), fields.get('client_secret').trim());
  } catch (error) {
    failure.value = { error, clientId: fields.get('client_id').trim() };
  } finally {
    isBusy.value = false;
  }
}

function fillIn({ target }) {
  const { elements } = target.form;
  elements.client_id.value = DEMO.clientId;
  elements.client_secret.value = DEMO.clientSecret;
  elements.submit.focus();
}

function failed() {
  if (!failure.value) return nothing;
  const { error, clientId } = failure.value;
  if (error instanceof Unreachable) return html`<div class="banner bad" role="alert"><p>${error.message} Try again once it does.</p></div>`;
  if (!error.answer) throw error;
  if (!error.isNoAdministrator) return refusal(error.answer);
  return html`<div class="banner bad" role="alert">
    <p><strong><bdi>${clientId}</bdi> is not an administrator.</strong> Its secret is right, but it needs the audience
    <code>admin.api.boomgate</code> and the scope <code>read:admin</code>; to change something, also <code>write:admin</code>.</p>
    <p class="small">The server says: ${error.message}</p>
  </div>`;
}

function form(clientId = '') {
  return html`<form class="stack sign-in" @submit=${submit}>
    <div class="field">
      <label for="client_id">client_id</label>
      <input id="client_id" name="client_id" .value=${clientId} autocomplete="username" autocapitalize="off" spellcheck="false"
        maxlength="64" required ?autofocus=${!clientId}>
    </div>
    <div class="field">
      <label for="client_secret">client_secret</label>
      <input id="client_secret" name="client_secret" type="password" autocomplete="current-password" required
        ?autofocus=${Boolean(clientId)}>
    </div>
    <div aria-live="polite">${failed()}</div>
    <div class="row actions">
      <button name="submit" ?disabled=${isBusy.value}>Sign in</button>
      ${facts.isSandbox ? html`<button type="button" class="quiet" @click=${fillIn}>Fill in demo-admin</button>` : nothing}
    </div>
  </form>`;
}

/** The page while nobody has signed in. */
export function signInForm() {
  return html`<div class="entrance stack">
    <h1>Sign in</h1>
    <p>With the credentials of an administrator: a client whose scope has <code>read:admin</code>.</p>
    ${form()}
    <p class="hint">The token is in the memory of this page alone. It is gone when you reload the page, and when it expires.
      ${facts.isSandbox ? nothing : html`The first start of the server wrote credentials to
      <code>admin-credentials.json</code> in its data folder.`}</p>
  </div>`;
}

let isOpen = false;

async function askAgain() {
  if (isOpen) return;
  isOpen = true;
  failure.value = undefined;
  const clientId = ended.peek();
  await openDialog('Sign in again', (close) => {
    if (!ended.value) queueMicrotask(close);
    return html`<p>The token of <bdi>${clientId}</bdi> has ended. What you were doing is still here, and goes on when you have signed in.</p>
      ${form(clientId)}`;
  });
  isOpen = false;
}

/** What stands above a view whose administrator has to sign in again, also after the dialog was closed. */
export function endedBanner() {
  return ended.value && !administrator.value ? html`<div class="banner warn ended" role="status">
    <p>The token of <bdi>${ended.value}</bdi> has ended. What you see may be old.</p>
    <button type="button" @click=${askAgain}>Sign in again</button>
  </div>` : nothing;
}

/** Asks again whenever a token ends, and whenever a request needs one after that. */
export function watchTheEnd() {
  effect(() => {
    if (ended.value && asked.value >= 0) queueMicrotask(askAgain);
  });
}
