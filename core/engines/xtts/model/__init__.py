"""The network: base models loaded, adapters, the transformer, the tokenizer."""
