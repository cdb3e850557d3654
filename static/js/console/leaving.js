// What must not be lost by leaving a view: a secret that is shown only once, a form that was changed.

import { ask } from './dialog.js';

/** Why the page must not be left: one text for each reason. */
const reasons = new Map();

function beforeUnload(event) {
  event.preventDefault();
}

/**
 * Keeps the page from being left without a question, until the function that this returns is called.
 *
 * @param {string} reason what would be lost, as a sentence
 */
export function holdHere(reason) {
  const key = Symbol(reason);
  if (reasons.size === 0) addEventListener('beforeunload', beforeUnload);
  reasons.set(key, reason);
  return () => {
    reasons.delete(key);
    if (reasons.size === 0) removeEventListener('beforeunload', beforeUnload);
  };
}

/** Whether something would be lost. */
export function isHeld() {
  return reasons.size > 0;
}

/** Asks whether to leave, if something would be lost. */
export async function mayLeave() {
  if (!isHeld()) return true;
  const leaves = await ask({
    title: 'Leave this view?',
    text: [...new Set(reasons.values())].join(' '),
    action: 'Leave',
    stay: 'Stay here',
    isDangerous: true,
  });
  if (leaves) {
    reasons.clear();
    removeEventListener('beforeunload', beforeUnload);
  }
  return leaves;
}
