"""Engines: the models that can be trained. `registry` and `base` are light; an engine's folder is not."""
