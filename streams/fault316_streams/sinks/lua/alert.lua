-- An alert into the stream, once per id.
-- KEYS: stream, ids seen. ARGV: TTL (s), length of the stream, most ids to remember, alert id, JSON.
local ttl, stream_max, seen_max, alert, json = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local added = redis.call('ZADD', KEYS[2], 'NX', redis.call('TIME')[1], alert)
if added == 1 then
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', stream_max, '*', 'alert', json)
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -seen_max - 1)
end
redis.call('EXPIRE', KEYS[1], ttl)
redis.call('EXPIRE', KEYS[2], ttl)
return added
