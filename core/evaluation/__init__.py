"""Evaluation of a run's checkpoints: a test set spoken by each, measured, compared with the base and the real voice."""
