-- When each code was last seen. KEYS: codes. ARGV: TTL (s), oldest time to keep, then time and code in turns.
redis.call('ZADD', KEYS[1], 'GT', unpack(ARGV, 3))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
