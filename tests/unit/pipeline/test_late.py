"""Libraries that few commands need are loaded at their first use."""

import sys
from pathlib import Path

import pytest

from pipeline.host.late import Late, importing_late


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A library that nobody has loaded, beside another one that imports it."""
    (tmp_path / "seldom_used.py").write_text("value = 1\n")
    (tmp_path / "eager.py").write_text("import seldom_used\n\n\ndef ask():\n    return seldom_used.value\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("seldom_used", "eager"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return "seldom_used"


def test_a_late_module_is_loaded_when_it_is_asked_for_something(library: str) -> None:
    """Naming it loads nothing; its first attribute does."""
    late = Late(library)
    assert library not in sys.modules

    assert late.value == 1
    assert library in sys.modules


def test_what_somebody_elses_library_imports_can_be_loaded_late_too(library: str) -> None:
    """The other library's own `import` gets a stand-in, which is gone from where others look for the module."""
    with importing_late(library):
        import eager  # type: ignore[import-not-found]
    assert library not in sys.modules

    assert eager.ask() == 1
    assert library in sys.modules


def test_what_is_loaded_already_stays(library: str) -> None:
    """Nothing is put before a module that somebody has loaded."""
    loaded = __import__(library)
    with importing_late(library):
        assert sys.modules[library] is loaded
    assert sys.modules[library] is loaded


def test_a_library_that_fails_leaves_no_stand_in(library: str) -> None:
    """Whatever happens meanwhile, the next who imports the module gets the module."""
    with pytest.raises(ZeroDivisionError), importing_late(library):
        _ = 1 / 0

    assert library not in sys.modules
