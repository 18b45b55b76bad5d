"""The network: bases opened, adapters, the transformer, tokens."""
