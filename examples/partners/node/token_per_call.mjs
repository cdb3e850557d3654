// Defect: asks for a token before each request. Fails: token-reused.

import { Api, main } from './good.mjs'

class TokenPerCall extends Api {
  token() {
    return this.newToken().then(({ value }) => value)
  }
}

await main(TokenPerCall)
