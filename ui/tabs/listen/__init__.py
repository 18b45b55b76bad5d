"""The Listen tab: blind pairs and votes."""
