"""Tables of other programs: Picasso, SMAP, Parquet, DECODE, rapidSTORM, ELYRA, N-STORM and more.

Each format is a module; what its columns are called and measured in is said once, in
:mod:`deep_storm.io.tables.foreign.columns`, from which the documentation's table is made.
"""
