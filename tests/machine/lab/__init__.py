"""A whole machine of ours, booted without AWS: what is around it, and the machine itself.

cloud/      its network, name servers, AWS, instance metadata, registry, and one authority for all
image/      what the machine boots and runs: Debian's tree, the containers of gateway and engine
machine     systemd-nspawn as EC2: boot, reboot, power cut, a shell
seed        the deployment's bucket, keys and scripts, made by the orchestrator's own steps
client      HTTPS as a caller outside speaks it
exposure    where a secret could lie open
processes   programs that end with the test run
packages    Debian packages that the lab needs
whole       all of it together

What a machine here is not, so that no test relies on it:

- no GPU: the spec says engine.on_cpu, and the engine is the twin's stub behind vLLM's flags;
- Debian's tree instead of Ubuntu's image, with the packages that bootstrap would download;
- no limits of memory, processes or locked memory: the lab's cgroup has no controllers;
- one kernel for all: its sysctl are set from outside, and nspawn gives every boot its boot_id by a
  mount that a hardened unit does not see, so inference-verify.service has a drop-in (machine.py);
- every permission is granted: moto checks no IAM policy.
"""
