"""Tests of scoring checkpoints."""
