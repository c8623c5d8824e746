"""The Lambda handler: `payments.entrypoints.api.handler`."""

import sys

from aws_lambda_powertools import Logger

from payments.bootstrap import build_ports
from payments.entrypoints.application import build_handler
from payments.settings import Settings, SettingsError

try:
    settings = Settings.read()
except SettingsError as error:
    # One line that says it all, and no traceback: nothing helps but a change of the function's environment.
    Logger().critical("cannot start: %s", error)
    sys.exit(1)

handler = build_handler(settings, build_ports)
