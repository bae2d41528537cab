"""What the gateway costs, measured beside nginx and the routers that others use.

`python -m benchmarks` runs every target under every load, one target alive at a time, A B C A B C.
Compared is CPU time per request and per streamed chunk: it hardly moves when something else runs
on the machine, while requests per second and percentiles do. README.md says how to read it.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "benchmarks" / "build"
RESULTS = ROOT / "benchmarks" / "results"
