"""The strict AWS as a process: AWS's own protocols over HTTP, in real time, with saved state."""
