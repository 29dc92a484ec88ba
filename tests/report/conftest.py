"""Figures as users see them: laid out, and in full resolution."""

import pytest

from deep_storm.report import figures, page


@pytest.fixture(autouse=True, scope="module")
def real_figures(plain_figures):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "LAYOUT", "constrained")
        patch.setattr(page, "DPI", 110)
        yield
