"""`python -m hostile.nasty`: what the most laborious bodies of 50 MiB cost, one line each."""

from __future__ import annotations

import sys

from hostile.nasty.measuring import Cost, measure
from hostile.nasty.shapes import PLAIN, SHAPES, SIZE


def line(cost: Cost, plain: Cost) -> str:
    return (
        f"| {cost.name} | {cost.turns} | {cost.most_read // 1024} KiB "
        f"| {cost.longest * 1000:.1f} ms | {cost.longest / plain.longest:.1f} "
        f"| {cost.memory / cost.size:.2f} |\n"
    )


def main() -> None:
    write = sys.stdout.write
    write("| body of 50 MiB | turns | most in one | longest one | of a plain body's | memory |\n")
    write("|---|---|---|---|---|---|\n")
    plain = measure(PLAIN, SIZE)
    for cost in (plain, *(measure(shape, SIZE) for shape in SHAPES)):
        write(line(cost, plain))


if __name__ == "__main__":
    main()
