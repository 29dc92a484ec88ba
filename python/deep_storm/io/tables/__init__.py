"""ThunderSTORM's tables, protocols and drift files."""
