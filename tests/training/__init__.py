"""Training: settings, checkpoints, the loop, the XTTS session, and whole runs in child processes."""
