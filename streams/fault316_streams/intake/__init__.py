"""Bytes → event | rejected → combined chunk → partials. Pure, but for the service and what it drives.

reject, explain, event: a record's value as an event, or the reason why not ·
place: where it counts in time ·
combine: a chunk of one source partition, summed by code; the hot path's one seam ·
source: one source partition's position, open chunk, and what waits to be published ·
messages: contributions as messages of the partials topic ·
service, session, publisher, dead_letters, status: consumer, producers, and what is told about them; the only IO.
"""
