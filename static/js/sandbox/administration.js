// What the administration says, read as the demo administrator: the credentials of the demo clients are published, and the
// same in every sandbox. So the pages of a sandbox show secrets and keys before anybody signs in.

import { requestToken, send } from '../http.js';
import { administrator } from '../session.js';
import { decoded } from '../token.js';
import { sandboxNow } from './clock.js';

const DEMO_ADMIN = {
  clientId: 'demo-admin',
  clientSecret: 'bg_secret_demoAdminInTheSandboxOnlyNotForProduction004CCSqY',
  audience: 'admin.api.boomgate',
  scope: 'read:admin',
};

const REFUSED_MS = 60_000;
/** The page does not know the sandbox's clock to the millisecond. */
const EARLY_MS = 2_000;

/** The token, a promise, and the moments between which it lives, by the clock of the sandbox. */
let token;
let from = 0;
let until = 0;
/** No token is asked for before this moment: somebody has removed the demo administrator, or given it another secret. */
let refusedUntil = 0;

async function newToken() {
  if (performance.now() < refusedUntil) return undefined;
  const answer = await requestToken(DEMO_ADMIN);
  if (answer.status !== 200) refusedUntil = performance.now() + REFUSED_MS;
  if (answer.status !== 200) return undefined;
  const { iat, exp } = decoded(answer.body.access_token).claims;
  [from, until] = [iat * 1_000, exp * 1_000];
  return answer.body.access_token;
}

/** Whether the token has ended. The clock of the sandbox can be moved, also back. */
function hasEnded() {
  const now = sandboxNow();
  return now !== undefined && until > 0 && (now >= until || now < from - EARLY_MS);
}

/** Forgets the token, after a reset has revoked it. */
export function forgetAdministration() {
  token = undefined;
}

/** What `path` of the administration says; undefined if the page may not read it. */
export async function readAdministration(path) {
  for (const renew of [false, true]) {
    // A refusal is asked once more with a new one: an operator may have revoked it.
    if (renew || !token || hasEnded()) {
      until = 0;
      token = newToken().catch((error) => {
        token = undefined;
        throw error;
      });
    }
    const held = await token ?? administrator.peek()?.token;
    if (!held) return undefined;
    const answer = await send('GET', path, { token: held });
    if (answer.status !== 401) return answer.status === 200 ? answer.body : undefined;
  }
  return undefined;
}

/** The first clients, for a choice of one, and whether there are more. */
export async function listClients() {
  const page = await readAdministration('/admin/clients?limit=100');
  return { ids: page?.data.map(({ client_id: id }) => id) ?? [], hasMore: Boolean(page?.next_cursor) };
}
