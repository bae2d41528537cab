"""Deployments in virtual time: the real template, definitions and handlers on the strict AWS.

    with World.open(seed=1) as world:
        world.up(name="demo", model="m")
        world.terminate(world.instances()[0])
        world.pass_(hours=1)

Nothing here names a state, a function or a rule: template.yaml and the definitions say them all.
"""

from simlab.hosts import Boot
from simlab.world import World

__all__ = ["Boot", "World"]
