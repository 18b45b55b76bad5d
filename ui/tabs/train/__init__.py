"""The Train tab: the form, a run's curves and samples, and its control."""
