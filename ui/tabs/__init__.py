"""One file a tab; each has ``build(page) -> Tab``."""
