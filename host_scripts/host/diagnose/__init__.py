"""What an engineer asks of a host that is not well, in one document. Reads only, repairs nothing.

texts (what may be shown) <- commands, files (ask) <- gathering (each fact alone, in time)
<- instance, setup, services, containers, system (the facts) <- problems (what they mean: troubles,
told, shortages), upload <- main (wiring)
"""
