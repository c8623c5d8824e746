"""The emulator that the local cloud is made for is the one that the project installs."""

import re
from pathlib import Path

from pipeline.targets.local.starting import EMULATOR_VERSION

_ROOT = Path(__file__).resolve().parents[3]


def test_the_lock_file_and_the_shims_mean_the_same_emulator() -> None:
    """Whoever moves the emulator's version has to look at the shims as well."""
    locked = re.findall(
        r"^ministack==(\S+)", (_ROOT / "requirements" / "cloud.txt").read_text(), re.MULTILINE
    )
    assert locked == [EMULATOR_VERSION]
