"""ThunderSTORM's files: tables, ground truths and protocols.

A table is comma-separated text whose first line has quoted labels with units::

    "id","frame","x [nm]","y [nm]","sigma [nm]","intensity [photon]",...,"uncertainty_xy [nm]"
    1,1,695.73409,1542.49862,97.80769,2446.08294,...,2.84236

Frames count from 1 there and from 0 here. (0, 0) nm is the corner of the first pixel in both.
Everything that ThunderSTORM needs to be told is in this package's readers and writers:

>>> write_table("movie.csv", table)
>>> write_protocol(protocol_path("movie.csv"), camera)
"""

from __future__ import annotations

from deep_storm.io.tables.protocol import (
    find_protocol,
    protocol_path,
    read_protocol,
    write_protocol,
)
from deep_storm.io.tables.reader import read_table
from deep_storm.io.tables.writer import (
    Dialect,
    ground_truth_writer,
    write_ground_truth,
    write_pieces,
    write_table,
)

__all__ = [
    "Dialect",
    "find_protocol",
    "ground_truth_writer",
    "protocol_path",
    "read_protocol",
    "read_table",
    "write_ground_truth",
    "write_pieces",
    "write_protocol",
    "write_table",
]
