"""The Voices tab: voices kept under a name, and what each is made of."""
