"""Data sets: folders and zips that become one recording with clips."""
