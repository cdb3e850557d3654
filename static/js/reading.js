// Pages that are read: the guide and the API reference. They are whole without this; it adds buttons that copy, and shows in
// the index what is on the screen.

/** Gives each block of code below `root` a button that copies it. */
export function addCopyButtons(root) {
  for (const block of root.querySelectorAll('.code')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'quiet copy';
    button.dataset.copies = '';
    button.textContent = 'Copy';
    block.append(button);
  }
}

document.addEventListener('click', async ({ target }) => {
  const button = target.closest?.('[data-copies]');
  if (!button) return;
  await navigator.clipboard.writeText(button.parentElement.querySelector('pre').textContent);
  button.textContent = 'Copied';
  setTimeout(() => { button.textContent = 'Copy'; }, 1500);
});

/** Marks the link of `index` that leads to the part of the page that is at the top of the screen. */
function follow(index) {
  const links = new Map();
  for (const link of index.querySelectorAll('a[href^="#"]')) {
    const part = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (part) links.set(part, link);
  }
  let current;
  const mark = () => {
    let last = links.keys().next().value;
    for (const part of links.keys()) {
      if (part.getBoundingClientRect().top > innerHeight / 4) break;
      last = part;
    }
    if (last === current) return;
    links.get(current)?.removeAttribute('aria-current');
    current = last;
    const link = links.get(current);
    link?.setAttribute('aria-current', 'true');
    const scroller = index.closest('.index, .here');
    if (link && scroller?.scrollHeight > scroller?.clientHeight) {
      const { top, bottom } = link.getBoundingClientRect();
      const box = scroller.getBoundingClientRect();
      if (top < box.top || bottom > box.bottom) scroller.scrollTop += top - box.top - box.height / 3;
    }
  };
  let waits = false;
  addEventListener('scroll', () => {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => { waits = false; mark(); });
  }, { passive: true });
  mark();
}

const index = document.querySelector('.reading > .index');
const wide = matchMedia('(min-width: 60rem)');

/** On a wide screen the index is always open. Style alone shows it already; this also says so to assistive technology. */
function open() {
  if (index) index.open = wide.matches;
}

open();
wide.addEventListener('change', open);
index?.addEventListener('click', ({ target }) => {
  if (target.closest('a') && !wide.matches) index.open = false;
});
addCopyButtons(document);
document.querySelectorAll('.reading nav').forEach((nav) => {
  if (nav.querySelector('a[href^="#"]')) follow(nav);
});
