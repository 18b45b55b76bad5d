"""Inference with a base and a checkpoint, and the exported voice."""
