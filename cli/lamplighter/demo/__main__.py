"""`python -m lamplighter.demo`: what `make demo` runs."""

from lamplighter.demo.story import demo

demo()
