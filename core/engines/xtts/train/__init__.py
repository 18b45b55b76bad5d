"""Training of XTTS: data loader, losses, mixed precision, trainable parameters."""
