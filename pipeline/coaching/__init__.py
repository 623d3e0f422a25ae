"""Coaching sessions: which calls to talk about, what to strengthen first, and whether it helped.

Start at :mod:`pipeline.coaching.session`, which builds a session and keeps it;
:mod:`pipeline.coaching.sessions` finds kept ones, and takes them from planned to held and agreed.
"""
