"""Measures of how clips sound, whose voice they are, and what of it is worth a second look."""
