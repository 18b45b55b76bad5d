"""The Dataset tab: the report card, what is left out and why, and frozen datasets."""
