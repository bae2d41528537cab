"""The local twin: AWS on this machine, with processes in the place of instances."""
