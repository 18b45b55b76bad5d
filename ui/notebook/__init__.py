"""The notebook's halves: `kernel`, which needs nothing installed, and `session`, in an environment of our own."""
