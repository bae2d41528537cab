"""`python -m lamplighter.installation`: what `make deploy` and `make undeploy` run."""

from lamplighter.installation.stack import stack

stack(prog_name="lamplighter.installation")
