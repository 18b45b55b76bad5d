"""Coach: what a run's curves, scores, dataset, settings and machine say by rules; if wished, in a model's words."""
