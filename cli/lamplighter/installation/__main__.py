"""`python -m lamplighter.installation`: what `make deploy`, `undeploy` and `prices` run."""

from lamplighter.installation.prices import prices
from lamplighter.installation.stack import stack

stack.add_command(prices)
stack(prog_name="lamplighter.installation")
