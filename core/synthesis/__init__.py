"""Synthesis and exports: starting their jobs, and the takes they leave."""
