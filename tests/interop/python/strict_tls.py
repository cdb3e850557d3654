"""The ssl module as Python 3.13 sets it up: RFC 5280 to the letter."""

import http.client
import os
import ssl
from urllib.parse import urlsplit

context = ssl.create_default_context()
context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
port = urlsplit(os.environ["BASE"]).port
for host in ("localhost", "127.0.0.1"):
    connection = http.client.HTTPSConnection(host, port, context=context)
    connection.request("GET", "/.well-known/jwks.json")
    print(host, connection.getresponse().status, connection.sock.version())
