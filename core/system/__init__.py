"""The machine: its cards, and what goes wrong with them."""
