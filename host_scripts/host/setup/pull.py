"""Print how far a pull is: `docker pull IMAGE 2>&1 | pull IMAGE REMEDY FROM TO`.

To a pipe docker prints what it does with each layer, but no bytes. Prints the percents between FROM
and TO as they are reached, half of a layer for its download and half for unpacking it; other lines
go to stderr. Status 91 when the registry's answer will not change.

The two stores of docker differ. The older one (overlay2) announces the layers that it fetches, and
says of the others that they exist. containerd's (the default since Docker 29) may announce a layer
as waiting, also announces those whose blob exists and which it only unpacks, and some of its
versions never say that a layer is unpacked.
https://github.com/moby/moby/blob/master/daemon/containerd/progress.go
"""

import re
import sys
from collections.abc import Iterable, Iterator

from host.setup.refusal import refuse

LAYER = re.compile(r"[0-9a-f]{12}: (.*)")
DONE = {  # halves of a layer
    "Pulling fs layer": 0,
    "Waiting": 0,
    "Already exists": 1,
    "Download complete": 1,
    "Pull complete": 2,
}
EXISTS = "Already exists"  # counts only for a layer that was announced

FINAL = (  # messages of docker and registries, and their meaning; the first match counts
    (
        r"no space left on device",
        "the disk is full while {image} is pulled: raise instance.root_volume_gib",
    ),
    (r"no matching manifest|exec format", "{image} is not built for this processor: {remedy}"),
    (r"manifest unknown|name unknown|not found", "the registry has no image {image}: {remedy}"),
    (
        r"(?<!permission )denied|unauthorized|no basic auth|authorization failed|403 forbidden",
        "the registry refuses {image} (no such repository, or it wants a login): {remedy}",
    ),
)


def main(image: str, remedy: str, start: int, end: int) -> None:
    others: list[str] = []
    for percent in percents(sys.stdin, others, start, end):
        sys.stdout.write(f"{percent}\n")
        sys.stdout.flush()
    if any(line.startswith("Status: ") for line in others):  # it is here
        return
    said = "\n".join(line for line in others if ": Pulling from " not in line)
    for pattern, sentence in FINAL:
        if re.search(pattern, said, re.IGNORECASE):
            refuse(sentence.format(image=image, remedy=remedy))


def percents(lines: Iterable[str], others: list[str], start: int, end: int) -> Iterator[int]:
    """Give each percent once, upwards; put the lines that are about no layer into others."""
    halves: dict[str, int] = {}
    printed = start
    for line in lines:
        layer, percent = line[:12], start
        if not (found := LAYER.match(line)):
            others.append(line.rstrip())
            sys.stderr.write(line)
            percent = end if line.startswith("Status: ") else start
        elif found[1] in DONE and (found[1] != EXISTS or layer in halves):
            halves[layer] = max(halves.get(layer, 0), DONE[found[1]])
            percent = start + (end - start) * sum(halves.values()) // (2 * len(halves))
        if percent > printed:
            yield (printed := percent)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
