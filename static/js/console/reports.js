// Exam reports: what the journal says of a client so far, and how to examine it for good.

import { commands } from '../commands.js';
import { Unreachable } from '../http.js';
import { code, html, signal } from '../ui.js';
import { refusal } from './parts.js';
import { FORMS, download } from './reports/download.js';
import { report } from './reports/report.js';
import { chooseSome, chosenClient, clientChoice } from './sandbox/client-choice.js';
import { reading } from './sandbox/reading.js';

const READ_INTERVAL_MS = 5_000;

export function open({ name }) {
  if (name) chosenClient.value = name;
  chooseSome();
  /** The verdict of the checks that are shown; '' is every one. */
  const verdict = signal('');
  const refused = signal(undefined);
  const { body, state, close } = reading(() => `/sandbox/report/${encodeURIComponent(chosenClient.value)}`, { every: READ_INTERVAL_MS });

  async function save(form) {
    refused.value = undefined;
    try {
      refused.value = await download(chosenClient.peek(), form);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
    }
  }

  const downloads = () => html`<div class="row" role="group" aria-label="Download the report">Download:
    ${FORMS.map((form) => html`<button type="button" class="quiet small" @click=${() => save(form)}>${form.title}</button>`)}</div>
    ${refusal(refused.value)}`;

  return {
    close,
    view: () => html`<div class="toolbar"><h1>Exam reports</h1>${clientChoice({ id: 'report-client', label: 'Client' })}</div>
      <p class="hint">What the requests of a client so far say of it. They were only watched. An exam lets one trouble after another
        happen to the client, and decides:</p>
      ${code(`boomgate exam ${chosenClient.value} -- ./your-client`, 'Command of an exam')}
      ${state() ?? report(body.value, { verdict, downloads: downloads() })}
      ${commands({ path: `/sandbox/report/${encodeURIComponent(chosenClient.value)}.html`, token: 'control' })}`,
  };
}
