-- Which storms are on. A storm that has ended stays ended, whatever a worker that was cut off says later.
-- KEYS: storms, storms that ended. ARGV: TTL (s), most ended ones to remember, storm id, start or '' for ended.
local ttl, ended_max, storm, started_at = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
if started_at == '' then
  redis.call('ZREM', KEYS[1], storm)
  redis.call('ZADD', KEYS[2], 'NX', redis.call('TIME')[1], storm)
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -ended_max - 1)
elseif not redis.call('ZSCORE', KEYS[2], storm) then
  redis.call('ZADD', KEYS[1], started_at, storm)
end
redis.call('EXPIRE', KEYS[1], ttl)
redis.call('EXPIRE', KEYS[2], ttl)
return 1
