"""callscore: transcribe recorded calls, measure them and score them against a rubric.

The path of a call is written top to bottom in :mod:`pipeline.call`.
"""

__version__ = "0.1.0"
