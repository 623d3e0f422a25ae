"""The commands that hide, encrypt and delete what calls hold of people."""

from pipeline.cli.common import new_app

app = new_app()
