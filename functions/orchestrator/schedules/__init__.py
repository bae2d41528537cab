"""When a deployment is started and stopped, and the schedules at AWS that do it."""
