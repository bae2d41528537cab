"""The gateway's settings, as the deployment's bucket has them."""
