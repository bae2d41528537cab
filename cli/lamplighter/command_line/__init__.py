"""Options, questions and errors of the command line, before and after a command does its work."""
