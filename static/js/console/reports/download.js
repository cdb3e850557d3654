// A report as a file. It needs the control token, so a link alone cannot get it.

import { control } from '../../session.js';

export const FORMS = [
  { title: 'HTML', extension: 'html', mediaType: 'text/html' },
  { title: 'JSON', extension: 'json', mediaType: 'application/json' },
  { title: 'JUnit', extension: 'xml', mediaType: 'application/xml' },
  { title: 'Markdown', extension: 'md', mediaType: 'text/markdown' },
];

/** How long the browser may take to begin with the file. */
const KEPT_MS = 10_000;

/** Downloads the report of a client. Resolves to the answer if it is a refusal. */
export async function download(client, { extension, mediaType }) {
  const answer = await control('GET', `/sandbox/report/${encodeURIComponent(client)}`, { headers: { Accept: mediaType } });
  if (answer.status !== 200) return answer;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([answer.text], { type: mediaType }));
  link.download = `report-${client}.${extension}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
  return undefined;
}
