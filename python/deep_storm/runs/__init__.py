"""How a reconstruction runs: one stack, a sweep of stacks, a movie that grows, a table."""
