// Clients: the table of all, or the page of one.

/** Opens `/console/clients`, `/console/clients/{client_id}` or `/console/clients/{client_id}/edit`. */
export async function open(place) {
  if (!place.name) return (await import('./clients/list.js')).open(place);
  if (place.part === 'edit') return (await import('./client/edit.js')).open(place);
  return (await import('./client/page.js')).open(place);
}
