"""The machinery around the policies: it finds, proves, runs and reports; it holds no rule about AWS."""

from pathlib import Path

ROOM = Path(__file__).parent.parent
"""The folder with the policies and their data."""
