"""Compare an image's CUDA with the NVIDIA driver: `... | driver IMAGE "$(nvidia-smi)"`.

Reads the output of `docker image inspect IMAGE`. Status 91 when this driver cannot run the image; 0
when it can, or when one of the two is unknown. A driver runs every CUDA of its own
generation and of earlier ones, as far as NVIDIA_REQUIRE_CUDA allows: conditions between spaces are
alternatives, those between commas must all hold.
https://docs.nvidia.com/deploy/cuda-compatibility/
https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html
"""

import json
import re
import sys

from host.setup.refusal import refuse

Version = tuple[int, ...]

DRIVER = re.compile(r"Driver Version: *([\d.]+)")
CUDA = re.compile(r"CUDA(?: \w+)? Version: *(\d+\.\d+)")
CONDITION = re.compile(r"(cuda|driver)(>=|<)(\d+(?:\.\d+)*)")
FIRST_DRIVER = {11: 450, 12: 525, 13: 580}  # of a generation of CUDA, on Linux

REMEDY = "leave instance.ami out for the newest driver, or choose an engine.image for CUDA {}"


def main(image: str, shown: str, environment: dict[str, str]) -> None:
    driver, supported = DRIVER.search(shown), CUDA.search(shown)
    needed = needed_cuda(environment)
    if driver is None or supported is None or needed is None:
        sys.stderr.write(f"driver.py: nothing to compare {image} with\n")
        return
    have, cuda = parsed(driver[1]), parsed(supported[1])
    conditions = environment.get("NVIDIA_REQUIRE_CUDA", "")
    if "NVIDIA_DISABLE_REQUIRE" in environment:
        conditions = ""
    if cuda[0] >= needed[0] and is_allowed(conditions, {"driver": have, "cuda": cuda}):
        return
    first = FIRST_DRIVER.get(needed[0])
    is_known = first is not None and have[0] < first
    newer = f"NVIDIA driver {first} or newer" if is_known else "a newer NVIDIA driver"
    refuse(
        f"{image} is built for CUDA {written(needed)}, which needs {newer}; this machine "
        f"has {driver[1]} (CUDA {supported[1]}): {REMEDY.format(supported[1])}"
    )


def needed_cuda(environment: dict[str, str]) -> Version | None:
    found = re.search(r"cuda>=(\d+\.\d+)", environment.get("NVIDIA_REQUIRE_CUDA", ""))
    text = found[1] if found else environment.get("CUDA_VERSION", "")
    return parsed(text)[:2] if re.fullmatch(r"\d+(\.\d+)+", text) else None


def is_allowed(conditions: str, have: dict[str, Version]) -> bool:
    """Return whether one alternative holds; what is asked of the GPU's brand is not looked at."""
    alternatives = conditions.split()
    return not alternatives or any(
        all(holds(name, sign, version, have) for name, sign, version in CONDITION.findall(each))
        for each in alternatives
    )


def holds(name: str, comparison: str, version: str, have: dict[str, Version]) -> bool:
    asked = parsed(version)
    mine = have[name][: len(asked)]
    return mine >= asked if comparison == ">=" else mine < asked


def parsed(version: str) -> Version:
    return tuple(int(part) for part in version.split("."))


def written(version: Version) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    described = json.loads(sys.stdin.read() or "[]")
    listed: list[str] = described[0]["Config"].get("Env") or [] if described else []
    main(sys.argv[1], sys.argv[2], dict(each.split("=", 1) for each in listed if "=" in each))
