"""The work list of the nights: outcomes that wait, the workers, the files seen before."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=True),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.Column("beat_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "seen_files",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("recording_sha256", sa.Text(), nullable=False),
        sa.Column("risk", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_index("ix_seen_files_recording_sha256", "seen_files", ["recording_sha256"])
    op.add_column("batches", sa.Column("scope", sa.Text(), nullable=True))
    op.add_column("batches", sa.Column("open_scope", sa.Text(), nullable=True))
    op.create_index("uq_batches_open_scope", "batches", ["open_scope"], unique=True)
    for column in (
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("recording_sha256", sa.Text(), nullable=True),
        sa.Column("risk", sa.Float(), nullable=True),
        sa.Column("worker", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("crashes", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("took_s", sa.Float(), nullable=True),
        sa.Column("hopeless_for", sa.Text(), nullable=True),
    ):
        op.add_column("outcomes", column)
    op.create_index("ix_outcomes_recording_sha256", "outcomes", ["recording_sha256"])
    op.create_index("ix_outcomes_worker", "outcomes", ["worker"])
