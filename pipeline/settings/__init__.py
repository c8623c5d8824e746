"""Settings, read strictly: the project's own (tollgate.toml) and each environment's (environments/*.toml)."""

from pipeline.settings.environments import Environments, load_environments
from pipeline.settings.people import Approver
from pipeline.settings.project import PROJECT_FILE, Check, Listed, Project, load_project
from pipeline.settings.reading import SettingsError

__all__ = [
    "PROJECT_FILE",
    "Approver",
    "Check",
    "Environments",
    "Listed",
    "Project",
    "SettingsError",
    "load_environments",
    "load_project",
]
