"""The endpoint's TLS certificate. keeper decides; shelf serves, store keeps, authority orders."""
