"""What a caller gave - a path, an array, a table, a model's name - made into objects."""
