"""Tables of ImageJ."""

from __future__ import annotations

import jpype
import numpy as np

from .session import asked, java, plain_host


def describe_table(results):
    names = [str(h) for h in results.getHeadings()]
    columns = {}
    for name in names:
        index = results.getColumnIndex(name)
        columns[name] = (
            np.array(results.getColumnAsDoubles(index), np.float64) if index >= 0 else None
        )
    return columns


@asked
def rows(title):
    """Return the cells of a Results window, row by row."""
    table = java("ij.measure.ResultsTable").getResultsTable(title)
    columns = [str(heading) for heading in table.getHeadings()]
    return [
        [str(table.getStringValue(column, row)) for column in columns]
        for row in range(int(table.size()))
    ]


@asked
def table_round_trip(table):
    """Turn a table into ImageJ's and back; returns ImageJ's columns and what came back."""
    from deep_storm.fiji.imagej.tables import from_results, to_results

    results = to_results(table)
    return describe_table(results), from_results(results, "the table", None)


@asked
def table_through_a_window(table, called):
    """Show a table, call its window something else, and read it as the table in front."""
    from deep_storm.fiji.imagej.tables import from_results, to_results

    host = plain_host()
    host.show_table(to_results(table), "movie localizations")
    java("ij.IJ").renameResults("movie localizations", called)
    return from_results(*host.table(), None)


@asked
def table_from_columns(columns):
    """Make a ResultsTable by hand and read it; returns the error's text if it is refused."""
    from deep_storm.errors import TableError
    from deep_storm.fiji.imagej.tables import from_results

    try:
        return from_results(_results_of(columns), "the table 'Results'", None)
    except TableError as error:
        return str(error)


@asked
def show_table_of_columns(columns, title):
    """Open a ResultsTable that was made by hand; it is the table in front then."""
    plain_host().show_table(_results_of(columns), title)


def _results_of(columns):
    results = java("ij.measure.ResultsTable")()
    for name, values in columns.items():
        results.setValues(name, jpype.JArray(jpype.JDouble)(values))
    return results
