"""What an engineer asks of an unhealthy host, in one JSON document. Reads only.

setup, services, containers, system   gather the facts, each within its own time limit (gathering)
troubles, verdicts, shortages         turn them into sentences (problems), reading through values
texts                                 what may be shown: no secrets, bounded
upload                                puts the document into the deployment's bucket
"""
