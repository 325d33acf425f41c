"""Masked diffusion: tokens are revealed in blocks, drawn independently of each other from their exact conditionals.

With A the set revealed so far and B the next block, x_B is drawn from prod_{i in B} p(x_i | x_A).
"""
