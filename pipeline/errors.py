"""The exception tree.

    CallscoreError
    ├── PermanentError          trying again gives the same: tell the person, never retry
    │   ├── RecordingError      a recording that cannot be scored (not audio, empty, truncated, …)
    │   ├── TranscriptError     a transcript file that does not have the documented form
    │   ├── MetadataError       a sidecar or manifest that cannot be read
    │   ├── RubricError         a rubric or cue file with a mistake (names file, line, key)
    │   ├── SettingsError       a setting that makes no sense
    │   └── ModelError          a model that is missing, damaged or unusable here
    └── TransientError          may pass: retry (out of memory, database locked)
        └── StorageError        the share or remote storage that a recording lies on is away

Every message is one line that says what is wrong with which file and what to do about it. It never
quotes the words of a call.
"""


class CallscoreError(Exception):
    """Base of all errors that callscore raises on purpose."""


class PermanentError(CallscoreError):
    """Trying again would give the same result."""


class RecordingError(PermanentError):
    """A recording cannot be scored; the message names the file and the remedy."""


class TranscriptError(PermanentError):
    """A transcript file does not have the documented form."""


class MetadataError(PermanentError):
    """A sidecar, manifest or filename pattern cannot be used."""


class RubricError(PermanentError):
    """A rubric or cue file has a mistake; the message names file, line and key."""


class SettingsError(PermanentError):
    """A setting has an impossible value."""


class ModelError(PermanentError):
    """A speech model is missing, damaged or cannot run on this machine."""


class TransientError(CallscoreError):
    """The same call may succeed later."""


class StorageError(TransientError):
    """The share or the remote storage that a recording lies on does not answer."""
