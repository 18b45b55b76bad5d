"""Training: flow-matching loss, batches, session."""
