"""The command that builds coaching sessions."""

from pipeline.cli.common import new_app

app = new_app()
