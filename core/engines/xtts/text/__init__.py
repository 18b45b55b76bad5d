"""Text frontend of XTTS: readings by a vocabulary, and spelling in its lower case."""
