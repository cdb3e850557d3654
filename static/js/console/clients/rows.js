// The rows of the table of clients: what of a client they have, in which order, and which of them a search finds. All of it
// is quick enough to be done anew at each key that is typed, for 10,000 clients.

const FOLDED = (text) => text.normalize('NFKC').toLowerCase();

/** The row of a client, as `GET /admin/clients` shows it. */
export function rowOf(client) {
  const uses = client.secrets.map((secret) => secret.last_used_at ?? '');
  return {
    id: client.client_id,
    name: client.client_name,
    status: client.status,
    enforce: client.enforce,
    isHeldBack: Boolean(client.limits_in_effect),
    quota: (client.limits_in_effect ?? client).daily_quota,
    createdAt: client.created_at,
    lastSeen: uses.sort().at(-1) || null,
    today: undefined,
    throttle: undefined,
    folded: FOLDED(client.client_name),
    searched: `${FOLDED(client.client_name)}\n${client.client_id.toLowerCase()}`,
  };
}

/** The row with what `GET /admin/activity` says of its client. */
export function withActivity(row, activity) {
  return { ...row, today: activity.today, throttle: activity.throttle, lastSeen: activity.last_seen ?? row.lastSeen };
}

/** The part of today's quota that was used: 0 to 1 and beyond; of no quota, 0. */
export function share(row) {
  if (!row.today) return -1;
  return row.today.quota === null ? 0 : row.today.used / Math.max(1, row.today.quota);
}

/** The part of the burst that is free now: 0 refuses, 1 is at rest. */
export function free(row) {
  return row.throttle ? row.throttle.remaining / row.throttle.burst : 2;
}

/** What each column is sorted by. Ties are in the order of the identifiers. */
const KEYS = {
  client: (row) => row.folded,
  status: (row) => row.status,
  today: share,
  throttle: free,
  seen: (row) => row.lastSeen ?? '',
  created: (row) => row.createdAt,
};

/** The columns by which one wants the largest first. */
const DESCENDING_FIRST = new Set(['today', 'seen', 'created']);

/** The next order when the heading of a column is pressed: `column`, `-column`. */
export function nextSort(sort, column) {
  const first = DESCENDING_FIRST.has(column) ? `-${column}` : column;
  const other = first === column ? `-${column}` : column;
  return sort === first ? other : first;
}

/** How a heading says its order. */
export function ariaSort(sort, column) {
  if (sort === column) return 'ascending';
  return sort === `-${column}` ? 'descending' : undefined;
}

/** The rows in an order; a sort that no column has leaves them in the order of the identifiers. */
export function sorted(rows, sort) {
  const key = KEYS[sort.replace('-', '')];
  if (!key) return rows;
  const sign = sort.startsWith('-') ? -1 : 1;
  const keyed = rows.map((row) => [key(row), row]);
  keyed.sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0));
  return keyed.map(([, row]) => row);
}

/** The rows whose name or identifier has the text. */
export function found(rows, text) {
  const wanted = FOLDED(text.trim());
  return wanted ? rows.filter((row) => row.searched.includes(wanted)) : rows;
}
