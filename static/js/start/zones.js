// Zones to call the sample API with: a new one, and one that is there.

import { call } from './access.js';
import { calls } from './state.js';

const ZONE = `{
  "number": "NUMBER",
  "name": "Quay 9, Port Ellery",
  "operator_id": "harbour-parking",
  "session_type": "vehicle",
  "location": { "latitude": 34.7181, "longitude": -76.6527 }
}`;

/** A zone that nobody has: its number is new. */
export const newZone = () => ZONE.replace('NUMBER', String(100_000 + Math.floor(Math.random() * 900_000)));

/** The zone that an answer named last. */
export function lastZone() {
  const deleted = calls.peek().filter(({ method }) => method === 'DELETE').map(({ path }) => path.split('/').at(-1));
  const ofZones = calls.peek().filter(({ path }) => path.includes('/zones'));
  const named = ofZones.map(({ answer }) => answer.body?.data?.[0]?.id ?? answer.body?.id);
  return named.find((id) => id && !deleted.includes(id));
}

/** Some zone, which is asked for if no answer has named one yet. */
export async function someZone(options) {
  return lastZone() ?? (await call({ method: 'GET', path: '/parking/zones?limit=1' }, options), lastZone());
}
