"""What happened to deployments, and a pause of their repairs."""
