// The actions of the audit log, in the order in which the server has them.

export const ACTIONS = [
  'client_registered', 'client_changed', 'client_suspended', 'client_resumed', 'client_deleted',
  'secret_rotated', 'secret_deleted', 'client_tokens_revoked', 'token_revoked', 'token_burned', 'secret_exposed',
  'key_created', 'key_imported', 'key_revoked', 'key_forgotten',
  'report_signed', 'report_presented', 'report_withdrawn', 'report_expired', 'authentication_failed',
];

/** Names that do not say what happened. */
const WORDS = {
  token_burned: 'token revoked: it was sent in the clear',
  secret_exposed: 'secret was sent in the clear',
  key_forgotten: 'key deleted after its last token',
};

/** An action in words. */
export function actionName(action) {
  return WORDS[action] ?? action.replaceAll('_', ' ');
}

/** Whether the subject of an action is a client that may still be there. */
export function isAboutClient(action) {
  return !action.startsWith('key_') && !['token_revoked', 'token_burned', 'client_deleted'].includes(action);
}
