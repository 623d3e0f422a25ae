"""The review site: what stands of each call, reviews, people, audit, full-text search."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from pipeline.words import CREATE

revision = "0005"
down_revision = "0004"

CHUNK = 200


def upgrade() -> None:
    op.add_column("answers", sa.Column("corrected", sa.Text(), nullable=True))
    op.create_table(
        "standings",
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("result", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("scored_at", sa.DateTime(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("uncapped_score", sa.Float(), nullable=True),
        sa.Column("coverage", sa.Float(), nullable=False),
        sa.Column("failed_by", sa.Text(), nullable=True),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.Column("corrected", sa.Integer(), nullable=False),
        sa.Column("disputed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["result"], ["results.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call"),
    )
    op.create_index("ix_standings_at", "standings", ["at", "call"])
    op.create_index("ix_standings_score", "standings", ["score", "call"])
    op.create_index("ix_standings_result", "standings", ["result"])
    op.create_index("ix_results_call", "results", ["call"])
    op.create_table(
        "people",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("teams", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("oidc_subject", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("oidc_subject"),
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("criterion", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("result", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person"], ["people.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_reviews_call", "reviews", ["call", "criterion"])
    op.create_index("ix_reviews_at", "reviews", ["at"])
    op.create_table(
        "invites",
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("code_hash"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("ix_tokens_person", "tokens", ["person"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_call_id", "audit", ["call_id"])
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("person", "name", name="uq_saved_views_name"),
    )
    op.create_table(
        "samples",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("call"),
    )
    op.create_table(
        "readings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("criterion", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["sample"], ["samples.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person"], ["people.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sample", "person", "criterion", name="uq_readings_answer"),
    )
    connection = op.get_bind()
    for statement in CREATE[connection.dialect.name]:
        op.execute(statement)
    _take_in(connection)


def _take_in(connection: sa.Connection) -> None:
    """What was scored before stands too, and can be searched."""
    results, calls = sa.table("results", *_RESULT), sa.table("calls", *_CALL)
    newest: dict[int, int] = dict(
        connection.execute(
            sa.select(results.c.call, results.c.id).order_by(results.c.scored_at, results.c.id)
        )
        .tuples()
        .all()
    )
    ids = sorted(newest.values())
    for start in range(0, len(ids), CHUNK):
        rows = connection.execute(
            sa.select(results, calls.c.started_at_utc)
            .join(calls, calls.c.id == results.c.call)
            .where(results.c.id.in_(ids[start : start + CHUNK]))
        ).mappings()
        for row in rows.all():
            result = json.loads(row["result_json"])
            flags = " ".join(flag["id"] for flag in result["flags"])
            connection.execute(
                _STANDINGS.insert(),
                {
                    "call": row["call"],
                    "result": row["id"],
                    "at": row["started_at_utc"] or row["scored_at"],
                    "scored_at": row["scored_at"],
                    "score": row["score"],
                    "uncapped_score": row["uncapped_score"],
                    "coverage": row["coverage"],
                    "failed_by": row["failed_by"],
                    "flags": f" {flags} " if flags else "",
                    "corrected": 0,
                    "disputed": 0,
                },
            )
            words = "\n".join(turn["text"] for turn in result["turns"])
            connection.execute(
                sa.text("INSERT INTO call_words (rowid, words) VALUES (:call, :words)"),
                {"call": row["call"], "words": words},
            )


_RESULT = (
    *map(sa.column, ("id", "call", "score", "uncapped_score", "coverage", "failed_by")),
    sa.column("result_json"),
    sa.column("scored_at", sa.DateTime()),
)
_CALL: tuple[sa.ColumnClause[Any], ...] = (
    sa.column("id"),
    sa.column("started_at_utc", sa.DateTime()),
)
_STANDINGS = sa.table(
    "standings",
    *map(sa.column, ("call", "result", "score", "uncapped_score", "coverage", "failed_by")),
    sa.column("at", sa.DateTime()),
    sa.column("scored_at", sa.DateTime()),
    *map(sa.column, ("flags", "corrected", "disputed")),
)
