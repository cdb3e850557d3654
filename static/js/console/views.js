// The views of the console: a row for each. A new one is a row here, and a module beside this file that exports
//
//   open({ name, part, query }) → { view, close }, or a promise of it
//
// The path is `/console/{path}/{name}/{part}`: both are '' if they are not there. `query` is a `URLSearchParams`. `view()`
// returns a template, and may read signals. `close()`, if there is one, ends what the view began: timers, streams. `needs`
// says whose token must be there first. A row that is `under` another one is not in the menu.

export const views = [
  { path: 'clients', title: 'Clients', group: 'Gate', needs: 'administrator', load: () => import('./clients.js') },
  { path: 'register', title: 'Register a client', group: 'Gate', under: 'clients', needs: 'administrator', load: () => import('./register.js') },
  { path: 'keys', title: 'Keys', group: 'Gate', needs: 'administrator', load: () => import('./keys.js') },
  { path: 'audit', title: 'Audit', group: 'Gate', needs: 'administrator', load: () => import('./audit.js') },
  { path: 'refusals', title: 'Refusals', group: 'Gate', needs: 'administrator', load: () => import('./refusals.js') },
  { path: 'health', title: 'Health', group: 'Gate', needs: 'administrator', load: () => import('./health.js') },
  { path: 'clock', title: 'Clock', group: 'Sandbox', needs: 'control', load: () => import('./clock.js') },
  { path: 'troubles', title: 'Troubles', group: 'Sandbox', needs: 'control', load: () => import('./troubles.js') },
  { path: 'faults', title: 'Faults', group: 'Sandbox', needs: 'control', load: () => import('./faults.js') },
  { path: 'requests', title: 'Requests', group: 'Sandbox', needs: 'control', load: () => import('./requests.js') },
  { path: 'snapshots', title: 'Snapshots', group: 'Sandbox', needs: 'control', load: () => import('./snapshots.js') },
  { path: 'reports', title: 'Exam reports', group: 'Sandbox', needs: 'control', load: () => import('./reports.js') },
];
