"""Discrete diffusion: exact laws of samplers on finite state spaces [S]^d."""
