-- Mark a partition's part of the view as written by us. 1: it was not ours, or is gone.
-- KEYS: the mark. ARGV: TTL (s), us.
local writer = redis.call('GET', KEYS[1])
redis.call('SETEX', KEYS[1], ARGV[1], ARGV[2])
return writer == ARGV[2] and 0 or 1
