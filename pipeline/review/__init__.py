"""The review site: supervisors see, hear and correct. ``app.py`` puts it together.

``routes/`` holds the pages and the API, one file a subject; what they show and change is computed
in the modules beside it, which know nothing of HTTP.
"""
