"""One training run for every learner: updates, evaluations, checkpoints, resuming, locks and progress.

A `Trainer` says what an update and an evaluation are; a `Run` drives it in a folder. Adapted models, the supervised
baselines and the PPO baselines all train this way.
"""
