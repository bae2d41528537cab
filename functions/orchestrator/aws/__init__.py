"""AWS as the steps see it: clients, what its errors mean, names and tags."""
