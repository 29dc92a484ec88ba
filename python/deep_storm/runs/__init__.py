"""The course of a reconstruction: one stack, a sweep of stacks, a growing movie, a table."""
