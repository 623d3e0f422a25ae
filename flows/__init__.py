"""The nightly batch under Prefect: thin wrappers round :mod:`pipeline`.

Prefect reads its settings when it is first imported, so they are set here, before any module of
this package imports it. What the user has set stays.
"""

import os

_ENVIRONMENT = {
    # Nothing about calls or machines leaves the house.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # One line a call from the flow; not one for every step of every task.
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_LOGGERS_PREFECT_FLOW_RUNS_LEVEL": "INFO",
    "PREFECT_LOGGING_LOGGERS_PREFECT_TASK_RUNS_LEVEL": "CRITICAL",
    # A Prefect server of its own takes about 10 s to start, more on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}

for _name, _value in _ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)
