"""The audit of a kernel of one's own: its order against exact laws, and whether it is a sampler of the library."""
