"""What the machine boots and runs: Debian's tree, the containers of gateway and engine."""
