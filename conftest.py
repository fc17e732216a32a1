"""Our one option: ``--long`` runs the full counts of faults and fuzzing, and what is too slow for every day."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``./dev test --long``"""
    parser.addoption("--long", action="store_true", help="full counts, and the tests marked `long`")


def pytest_configure(config: pytest.Config) -> None:
    """Markers are strict, so it is told here what `long` means."""
    config.addinivalue_line("markers", "long: runs only with --long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without ``--long``, tests marked `long` are left out of the run: they are no skips, since nothing is missing."""
    if config.getoption("--long"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether full counts are asked for: ``count = 200 if is_long else 10``."""
    return bool(request.config.getoption("--long"))
