"""Training: settings, presets, the one loop, checkpoints, and what a page reads of a run."""
