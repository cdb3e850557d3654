// Which requests a filter wants, and the same filter for a command and for the API.

export const NO_FILTER = Object.freeze({ client: '', status: '', method: '', path: '' });

function hasStatus(wanted, { status, fault }) {
  if (wanted === '') return true;
  if (wanted === 'none') return status === null;
  if (wanted === 'fault') return Boolean(fault);
  return wanted.endsWith('xx') ? String(status)[0] === wanted[0] : String(status) === wanted;
}

/** Whether the filter wants the request. */
export function wants({ client, status, method, path }, line) {
  return (client === '' || (line.client ?? '').includes(client))
    && (method === '' || line.method === method)
    && (path === '' || line.path.includes(path) || line.request_id.includes(path))
    && hasStatus(status, line);
}

/** The options of `boomgate requests list` that say the same, as far as it can. */
export function flagsOf({ client, status, method, path }) {
  const isNumber = /^\d/.test(status);
  return [
    ...(client ? ['--client', client] : []),
    ...(isNumber ? ['--status', status] : []),
    ...(status === 'fault' ? ['--injected', 'true'] : []),
    ...(method ? ['--method', method] : []),
    ...(path.startsWith('/') ? ['--path', path] : []),
  ];
}

/** The same as the query of the API. */
export function queryOf(filter) {
  const flags = flagsOf(filter);
  const query = new URLSearchParams();
  for (let at = 0; at < flags.length; at += 2) query.set(flags[at].slice(2), flags[at + 1]);
  return query.size ? `?${query}` : '';
}
