// Node's own TLS, in both versions and both protocols.

import { connect } from 'node:tls'

const port = Number(new URL(process.env.BASE).port)
for (const version of ['TLSv1.2', 'TLSv1.3']) {
  for (const protocol of ['h2', 'http/1.1']) {
    const options = { host: '127.0.0.1', servername: 'localhost', port, ALPNProtocols: [protocol] }
    await new Promise((resolve, reject) => {
      const socket = connect({ ...options, minVersion: version, maxVersion: version }, () => {
        console.log(socket.authorized, socket.getProtocol(), socket.alpnProtocol)
        socket.end(resolve)
      })
      socket.on('error', reject)
    })
  }
}
