"""Recognition: what is said in a clip. `registry` and `base` are light; an engine's module is imported when it is chosen."""
