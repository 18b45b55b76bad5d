"""The model: its package without its trainer, a base opened strictly, adapters, vocoders."""
