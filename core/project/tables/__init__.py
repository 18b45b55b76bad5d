"""The tables of a project's database, a class each; `core.project.store` joins them."""
