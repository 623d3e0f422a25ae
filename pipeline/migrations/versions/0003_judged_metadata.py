"""The metadata that a result was judged with: a call's own may be corrected later."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("results", sa.Column("metadata_json", sa.Text(), nullable=True))
