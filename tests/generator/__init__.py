"""Sample calls with exact truth: scripts, spoken by a synthesizer and mixed like telephone calls.

The path of a call, module by module:

    calls/NAME.yaml -> script -> tts -> effort (raised turns) -> speech -> timeline -> mix -> truth

``mix.mix_call`` takes clips (sound with word times), whoever made them; only ``tts`` and ``effort``
need packages that the tests do without.
"""
