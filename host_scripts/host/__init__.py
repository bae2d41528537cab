"""The programs of the instance: standard library and boto3, Python 3.10 or newer (the image's own).

agent        looks at the host, reports, asks for repairs
certificate  keeps the endpoint's certificate
diagnose     answers an engineer's questions in one document
setup        what the steps of the set-up need of Python
keys         the gateway's keys file, as SSM has it
probes       questions to the chain: engine, gateway, nginx
machine      settings, files, commands, systemd, metadata; the machine's facts and what they mean

Each may import those below it: agent, certificate, diagnose, setup | keys, probes | machine.
"""
