"""Gather facts in parallel; one that fails, hangs or is malformed affects no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Thread
from typing import Any

from host.diagnose.texts import safe
from host.machine.commands import Unanswered

Source = Callable[[], Any]

PATIENCE = 2.0  # seconds after which progress is printed


def gather(
    sources: Mapping[str, Source], seconds: float, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Return name -> fact, safe to show; {"problem": why} for one that failed or took too long."""
    facts: dict[str, Any] = {}
    threads = {
        name: Thread(target=_look, args=(name, source, facts), name=name, daemon=True)
        for name, source in sources.items()
    }
    for thread in threads.values():
        thread.start()
    began, patience = time.monotonic(), PATIENCE
    while waiting := [name for name, thread in threads.items() if thread.is_alive()]:
        elapsed = time.monotonic() - began
        if elapsed >= seconds:
            break
        if elapsed >= patience:
            say(f"waiting for {', '.join(waiting)}")
            patience += PATIENCE
        threads[waiting[0]].join(0.1)
    silent = {"problem": f"no answer within {seconds:g} s"}
    return {name: facts.get(name, silent) for name in sources}


def _look(name: str, source: Source, facts: dict[str, Any]) -> None:
    try:
        facts[name] = safe(source())
    except Unanswered as error:
        facts[name] = {"problem": safe(str(error))}
    except Exception as error:  # noqa: BLE001 - any error ends this fact only
        facts[name] = {"problem": safe(f"{type(error).__name__}: {error}")}
