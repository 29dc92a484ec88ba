"""Processing of a localization table: filtering, merging, duplicates, drift.

Each step takes a table and gives a table; the one that it was given stays as it is.
"""
