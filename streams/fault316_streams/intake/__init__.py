"""Bytes → event | rejected → combined chunk → partials. Pure, but for `service`.

reject, explain, event: a record's value as an event, or the reason why not ·
place: where it counts in time ·
combine: a chunk of one source partition, summed by code; the hot path's one seam ·
source: one source partition's position, open chunk, and what waits to be published ·
messages: contributions as messages of the partials topic ·
stats: what is counted about all this ·
service: consumer, producers, and the stage that a worker runs.
"""
