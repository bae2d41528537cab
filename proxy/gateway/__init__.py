"""The Lamplighter gateway: the OpenAI API in front of vLLM.

A module imports only modules of the lines above its own:

errors, settings, log
auth, body, routes, sse
timeouts, upstream, exchange
watch
relay
gateway
health
app
server, __main__
"""

VERSION = "0.1.0"
