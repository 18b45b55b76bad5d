"""Clips: how recordings are cut into them, and what a person does with them."""
