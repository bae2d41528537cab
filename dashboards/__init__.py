"""What is to be seen of a deployment: one description, as dashboards of Grafana and CloudWatch."""
