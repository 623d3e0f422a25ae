"""Deleting what was made of calls: one on request (:mod:`.forget`), or by age (:mod:`.retention`).

:mod:`.traces` knows where something of a call lies, :mod:`.removal` takes it out of the database,
:mod:`.kept_files` out of ``data_dir``; :mod:`.nothing_left` looks whether that was all, and
:mod:`.receipts` say what was done.
"""
