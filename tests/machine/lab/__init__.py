"""A whole machine of ours, booted without AWS: what is around it, and the machine itself.

packages      Debian packages that the lab needs
tree          the machine image: a Debian tree, made once
network       two network namespaces, joined by a cable
certificates  one authority for every name of the cloud
processes     programs that end with the test run
cloud         DNS, AWS (aws.py), instance metadata (metadata.py), the registry
images        the gateway's and the engine's container image
seed          the deployment's bucket, keys and scripts, made by the orchestrator's own steps
machine       systemd-nspawn as EC2: boot, reboot, power cut, a shell
client        HTTPS as somebody out there speaks it
whole         all of it together

What a machine here is not, so that no test relies on it:

- no GPU: the spec says engine.on_cpu, and the engine is the twin's stub behind vLLM's flags;
- Debian's tree instead of Ubuntu's image, with the packages that bootstrap would download;
- no limits of memory, processes or locked memory: the lab's cgroup has no controllers;
- one kernel for all: its sysctl are set from outside, and nspawn gives every boot its boot_id by a
  mount that a hardened unit does not see, so inference-verify.service has a drop-in (machine.py);
- every permission is granted: moto checks no IAM policy.
"""
