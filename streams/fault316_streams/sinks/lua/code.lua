-- One code's counter, rates and series. If a newer version is there, only minutes that it did not tell of: after Redis
-- was emptied, it may be of what changed since, while this one is whole. Counts only grow, so the larger one is newer.
-- KEYS: counter, rate, one series per hour. All in the slot of {CODE}.
-- ARGV: version, first_seen, msgpack of one flat field list per key, then one TTL (s) per key.
local version, first_seen, fields = ARGV[1], ARGV[2], cmsgpack.unpack(ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'version', 'first_seen')
if known[1] and tonumber(known[1]) > tonumber(version) then
  for i = 3, #KEYS do
    for j = 1, #fields[i], 2 do
      local minute, events = fields[i][j], fields[i][j + 1]
      if tonumber(redis.call('HGET', KEYS[i], minute) or 0) < tonumber(events) then
        redis.call('HSET', KEYS[i], minute, events)
      end
    end
    redis.call('EXPIRE', KEYS[i], ARGV[3 + i])
  end
  return 0
end
for i, key in ipairs(KEYS) do
  redis.call('HSET', key, unpack(fields[i]))
  redis.call('EXPIRE', key, ARGV[3 + i])
end
-- A table that was lost does not know how long ago it began.
if known[2] and tonumber(known[2]) < tonumber(first_seen) then
  redis.call('HSET', KEYS[1], 'first_seen', known[2])
end
return 1
