"""`python -m lamplighter` is the command too."""

from lamplighter.main import main

main()
