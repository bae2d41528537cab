"""Where an instance can be had: pools of type, zone and market, and what each one costs."""
