"""Text frontend of XTTS: numbers, amounts and spelling by language."""
