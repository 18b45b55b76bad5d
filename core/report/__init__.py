"""A report on a training run, to print or send: what it says, and the same as HTML and PDF."""
