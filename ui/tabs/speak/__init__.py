"""The Speak tab: takes and exports."""
