"""What can be doubtful about a call: a result's warnings, and what they mean in plain words."""

from collections.abc import Sequence

from pipeline.records import CallFacts
from pipeline.transcribe import Transcript
from pipeline.voices import THIRD_PARTIES, Voice

WARNINGS = {
    "truncated": "The file ends before its header says it should: the end of the call is missing.",
    "mono_as_stereo": "Both channels carry the same sound: treated as a mono recording.",
    "clipped": "The recording is overdriven (clipped): voice effort cannot be judged.",
    "channel_bleed": "One side leaks into the other's channel: the leaked speech was taken out.",
    "too_short": "Less than 10 s of speech or fewer than 10 words: too little to judge.",
    "one_sided_recording": "Only one side of the call can be heard.",
    "roles_unsure": "Who is the agent cannot be told; name the agent's channel in the metadata.",
    "language_unsure": "The language was guessed; name it in the metadata.",
    "unsupported_language": "No cues exist for this language: answers from words cannot be given.",
    "speech_without_words": "A part of the speech could not be transcribed.",
    "words_without_speech": "The recogniser invented words where nobody speaks; they were dropped.",
}

TOO_SHORT_S, TOO_SHORT_WORDS = 10.0, 10
"""Below this a warning is given; from where on nothing is judged is the rubric's to say."""

WORDLESS_SHARE = 0.1
"""Share of the speech without words from which a transcript counts as incomplete."""

LANGUAGE_PROBABILITY = 0.5
"""Below this a detected language is a guess."""


def doubts(
    facts: CallFacts, voices: Sequence[Voice], script: Transcript, *, language_known: bool
) -> tuple[str, ...]:
    """Warnings that show only once a call is transcribed and measured."""
    found = []
    words = sum(len(turn.text.split()) for turn in facts.turns)
    speech_s = facts.speech_s or 0.0
    roles = {turn.role for turn in facts.turns}
    if speech_s < TOO_SHORT_S or words < TOO_SHORT_WORDS:
        found.append("too_short")
    people = [voice for voice in voices if voice.words and voice.label not in THIRD_PARTIES]
    if len(people) == 1:
        found.append("one_sided_recording")
    elif "unknown" in roles:
        found.append("roles_unsure")
    if script.language and script.language_probability < LANGUAGE_PROBABILITY:
        found.append("language_unsure")
    if script.language and not language_known:
        found.append("unsupported_language")
    if speech_s and sum(script.wordless_s) > WORDLESS_SHARE * speech_s:
        found.append("speech_without_words")
    if script.invented:
        found.append("words_without_speech")
    return tuple(found)
