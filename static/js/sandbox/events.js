// Server-sent events, read with fetch: EventSource cannot send a bearer token.

/**
 * Calls `take({ event, id, data })` for each event of `path`, until the stream ends. `data` is what its JSON says.
 *
 * @returns {Promise<number>} the status of the answer
 */
export async function readEvents(path, { token, stop, begun, take }) {
  const response = await fetch(path, {
    headers: { Accept: 'text/event-stream', Authorization: `Bearer ${token}` },
    cache: 'no-store',
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
    signal: stop,
  });
  if (response.status !== 200) return response.status;
  begun();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return response.status;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop();
    blocks.map(parsed).filter(({ data }) => data !== undefined).forEach(take);
  }
}

/** An event: its fields, and `data` as its JSON says. A comment has no data. */
export function parsed(block) {
  const event = {};
  for (const line of block.split('\n')) {
    const colon = line.indexOf(': ');
    if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
  }
  return { ...event, data: event.data === undefined ? undefined : JSON.parse(event.data) };
}
