// What the server says of itself in the page: its address, which edition it is, its version.
const { issuer, edition, version, assets } = document.body.dataset;

export const facts = Object.freeze({ issuer, version, assets, isSandbox: edition === 'sandbox' });
