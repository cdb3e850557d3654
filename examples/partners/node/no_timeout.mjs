// Defect: waits for an answer for ever. Fails: has-timeout.

import { Api, main } from './good.mjs'

class NoTimeout extends Api {
  signal() {
    return this.stopping.signal
  }
}

await main(NoTimeout)
