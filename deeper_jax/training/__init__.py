"""Optimizers and schedules, sharding, the train step, checkpoints and the loop."""
