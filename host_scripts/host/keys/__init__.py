"""The gateway's keys file, as SSM has it."""
