"""What no honest client sends: the gateway refuses it in plain words and nobody behind it hears."""
