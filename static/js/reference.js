// The API reference: a language that is chosen for one sample is chosen for all.

import './reading.js';

const samples = [...document.querySelectorAll('.samples > details')];
const language = (details) => details.firstElementChild.textContent;

/** Opens the samples in a language, and leaves what `chosen` shows where it is on the screen. */
function choose(chosen) {
  const before = chosen.parentElement.getBoundingClientRect().top;
  for (const details of samples) {
    // To open one closes the others of its operation: they have the same name.
    if (!details.open && language(details) === language(chosen)) details.open = true;
  }
  scrollBy({ top: chosen.parentElement.getBoundingClientRect().top - before, behavior: 'instant' });
}

document.addEventListener('click', (event) => {
  const details = event.target.closest?.('.samples > details > summary')?.parentElement;
  if (!details) return;
  event.preventDefault();
  details.open = true;
  choose(details);
});

/** Tells the names, texts and numbers of an example apart, without a change of the page itself. */
function colorExamples() {
  if (!CSS.highlights) return;
  const kinds = { name: new Highlight(), text: new Highlight(), number: new Highlight() };
  for (const { firstChild: node } of document.querySelectorAll('.example code, .split code')) {
    if (!/^[[{]/.test(node.data)) continue;
    for (const { 0: all, 1: text, 2: colon, index } of node.data.matchAll(/("(?:\\.|[^"\\])*")(\s*:)?|-?\b\d[\d.eE+-]*|\b(?:true|false|null)\b/g)) {
      const range = new StaticRange({ startContainer: node, startOffset: index, endContainer: node, endOffset: index + (text ?? all).length });
      kinds[colon ? 'name' : text ? 'text' : 'number'].add(range);
    }
  }
  for (const [kind, highlight] of Object.entries(kinds)) CSS.highlights.set(`json-${kind}`, highlight);
}

/** A button that calls an operation from here. What it needs is loaded when it is used. */
function addTryButton(operation) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'quiet small try';
  const which = document.createElement('span');
  which.className = 'visually-hidden';
  which.textContent = `: ${operation.querySelector('h3').textContent}`;
  button.append('Try it', which);
  button.setAttribute('aria-expanded', 'false');
  button.addEventListener('click', async () => {
    const { toggle } = await import('./reference/try.js');
    toggle(operation, button);
  });
  operation.querySelector('.route').append(button);
}

document.querySelectorAll('.operation[data-scope]').forEach(addTryButton);
colorExamples();
