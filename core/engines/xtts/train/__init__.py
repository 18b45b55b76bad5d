"""A training of XTTS: batches, losses, precision, what learns."""
