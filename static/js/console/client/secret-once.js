// A secret that the server shows only once. The page is not left without a question until it was copied or saved.

import { facts } from '../../facts.js';
import { html, nothing, signal } from '../../ui.js';
import { holdHere } from '../leaving.js';

/** A value in a `.env` file: in quotes where a reader of such files may see something else in it. */
function assignment(name, value) {
  return `${name}=${/^[\w:/.,~-]*$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`}`;
}

/** The `.env` file of a client, with the variables that `boomgate` and the exam use. */
export function environmentFile({ clientId, secret, audience }) {
  return `${[
    assignment('BOOMGATE_URL', facts.issuer),
    assignment('BOOMGATE_TOKEN_URL', `${facts.issuer}/oauth2/token`),
    assignment('BOOMGATE_CLIENT_ID', clientId),
    assignment('BOOMGATE_CLIENT_SECRET', secret),
    assignment('BOOMGATE_AUDIENCE', audience),
  ].join('\n')}\n`;
}

function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * Shows a secret.
 *
 * @param {{ clientId: string, secret: string, audience: string, title: string, warnings?: string[], done: () => any }} shown
 * `done` is what stands at the end, and returns a template: a link or a button.
 */
export function secretOnce({ clientId, secret, audience, title, warnings = [], done }) {
  const saved = signal('');
  const isVisible = signal(false);
  const failure = signal('');
  const release = holdHere(`The secret of ${clientId} is shown only once, and you have not copied it.`);

  const save = (how) => {
    saved.value = how;
    release();
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret);
      failure.value = '';
      save('Copied.');
    } catch {
      isVisible.value = true;
      failure.value = 'The browser does not let this page copy: select the secret and copy it.';
      release();
    }
  };
  const file = () => {
    download(`${clientId}.env`, environmentFile({ clientId, secret, audience }));
    save(`Saved as ${clientId}.env.`);
  };

  const view = () => html`<section class="secret-once card stack" aria-labelledby="secret-title">
    <h2 id="secret-title" tabindex="-1">${title}</h2>
    <p>This is its secret. It is shown <strong>only once</strong>, because the server stores only a digest of it. Store it where you store
      secrets, and give it to nobody but the operator of the client.</p>
    <dl class="facts">
      <div><dt>client_id</dt><dd><code>${clientId}</code></dd></div>
      <div><dt>client_secret</dt><dd><code class="secret">${isVisible.value ? secret : '•'.repeat(24)}</code>
        <button type="button" class="plain small" aria-pressed=${isVisible.value} @click=${() => { isVisible.value = !isVisible.value; }}>Show</button></dd></div>
    </dl>
    ${warnings.map((warning) => html`<p class="banner warn">${warning}</p>`)}
    <div class="row">
      <button type="button" @click=${copy}>Copy the secret</button>
      <button type="button" class="quiet" @click=${file}>Download as .env file</button>
      <span role="status" class="saved">${saved.value}</span>
    </div>
    <p class="error" role="alert">${failure.value}</p>
    <p class="hint">To try the file: <code>set -a; . ./${clientId}.env; set +a</code>, then <code>boomgate token get</code>.</p>
    ${saved.value || failure.value ? done() : nothing}
  </section>`;

  return { view, close: release };
}
