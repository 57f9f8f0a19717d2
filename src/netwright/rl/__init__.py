"""Reinforcement learning on a simulator: rollouts, advantages, clipped objectives, vine rollouts, checkpoints.

The parts that every trainer of decisions shares: `ppo`, `pensieve`, `genet` and the online phase of adapted models.
None of them knows a task; an environment is any `rl.environment.Environment`.
"""
