"""Figures and reports; the only package that uses matplotlib."""

from deep_storm.report.style import drop_missing_backend
from deep_storm.verb_package import make_callable

make_callable(__name__)
drop_missing_backend()
