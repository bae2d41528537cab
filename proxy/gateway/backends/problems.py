"""What cannot be meant so in settings and backends, once the models of all backends are known."""

from collections.abc import Iterator, Mapping

from gateway.backends.target import Group


def found(aliases: Mapping[str, str], groups: Mapping[str | None, Group]) -> Iterator[str]:
    """Yield a sentence for each. `groups`: the backends of each model; None: of any."""
    for alias, served in aliases.items():
        if served not in groups:
            yield f"the alias {alias} stands for {served}, which no backend serves"
    for name, group in groups.items():
        if name is not None and all(one.fallback for one in group.members):
            yield f"the model {name} is served by fallbacks alone, which get all its requests"
