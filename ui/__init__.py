"""What people and programs talk to: the page, its strings, its server. No thresholds, no paths, no models."""
