"""One module per AWS resource, each with plan, ensure and destroy.

plan(clients, deployment, ledger)    -> list[Change]   no writes
ensure(clients, deployment, ledger)  -> facts          twice = once; refuses what is not ours
destroy(clients, deployment, ledger) -> None           missing = done; touches only ours
"""
