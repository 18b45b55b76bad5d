"""Blind listening: pairs with hidden names, votes, and the ranking that comes of them."""
