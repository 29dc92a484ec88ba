"""Turns a caller's input - a path, an array, a table, a model's name - into objects."""
