"""A project on disk: its folders, database, statistics and backups."""
