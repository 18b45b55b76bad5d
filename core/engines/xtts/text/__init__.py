"""How XTTS reads texts: numbers, amounts and spelling by language."""
