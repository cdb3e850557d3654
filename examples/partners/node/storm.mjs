// Defect: each worker asks again at once after a 429. Fails: no-storm, and each check of Retry-After.

import { Api, main } from './good.mjs'

class Storm extends Api {
  waitMs(tries, answer) {
    return answer?.status === 429 ? 0 : super.waitMs(tries, answer)
  }

  queue() {}
}

await main(Storm)
