"""The server: client connections, and the application that serves the pages."""
