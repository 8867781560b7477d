"""Built-in methods, a module each with its ``STRATEGIES``; `fractalctl.heads.arms` finds them."""
