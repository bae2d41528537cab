"""What arrives from outside a workflow: host reports, EC2's events, the end of the installation."""
