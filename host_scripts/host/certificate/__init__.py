"""The endpoint's TLS certificate: keeper decides; shelf, store and authority are what it uses."""
