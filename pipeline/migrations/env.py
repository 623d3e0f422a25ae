"""Alembic's entry: runs the migrations on the connection that the database was opened with."""

from alembic import context

from pipeline.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
