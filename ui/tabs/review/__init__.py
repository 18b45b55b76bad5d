"""The Review tab: one clip at a time."""
