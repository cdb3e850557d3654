// Defect: accepts every certificate. Fails: certificate-verified.

import { main } from './good.mjs'

process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'

await main()
