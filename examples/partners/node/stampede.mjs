// Defect: each worker that needs a new token asks for one. Fails: one-renewal.

import { Api, main } from './good.mjs'

class Stampede extends Api {
  renew() {
    return this.newToken()
  }
}

await main(Stampede)
