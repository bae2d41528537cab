"""What is measured: the gateway, nginx and other routers, each started the same way."""
