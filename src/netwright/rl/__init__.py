"""Reinforcement learning on a simulator: rollouts, advantages, clipped objectives, vine rollouts, checkpoints.

Shared by all trainers of decisions: `ppo`, `pensieve`, `genet` and the online phase of adapted models.
No task is imported; an environment is any `rl.environment.Environment`.
"""
