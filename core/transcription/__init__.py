"""Recognition: what is said in a clip. `registry` and `base` are light; the rest is imported when it is chosen."""
