-- Change the mark of a partition's part of the view. 1: it was not the one that we had left there, or is gone.
-- KEYS: the mark. ARGV: TTL (s), the new mark, the one that we had left.
local mark = redis.call('GET', KEYS[1])
redis.call('SETEX', KEYS[1], ARGV[1], ARGV[2])
return mark == ARGV[3] and 0 or 1
