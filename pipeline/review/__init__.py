"""The review site: supervisors see, hear and correct. ``app.py`` puts it together.

``routes/`` holds the pages and the API; what they show and change is computed in the modules beside
it, which know no more of HTTP than that what is not there, or not one's own, is a 404. What is kept
of each call as it is scored (:mod:`pipeline.standing`, ``day_sums``, ``fulltext``, ``contacts``)
lies outside: the store calls it.
"""
