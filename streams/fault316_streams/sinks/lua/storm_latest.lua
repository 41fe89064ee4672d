-- A storm's latest alert, unless a later one is there.
-- KEYS: storm, its order. ARGV: TTL (s), order, JSON.
local known = redis.call('GET', KEYS[2])
if known and tonumber(known) > tonumber(ARGV[2]) then
  return 0
end
redis.call('SETEX', KEYS[1], ARGV[1], ARGV[3])
redis.call('SETEX', KEYS[2], ARGV[1], ARGV[2])
return 1
