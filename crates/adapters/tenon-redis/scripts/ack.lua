-- Removes finished jobs, each only if the lease is the one that holds it.
--
-- ARGV  2..: id and fence (24 bytes), at most 500
-- Gives {0, how many were removed}. Repeating it removes nothing more.
local acked = 0
for i = 2, #ARGV do
  local id, fence = string.sub(ARGV[i], 1, 16), string.sub(ARGV[i], 17, 24)
  local owner = redis.call('HGET', owners, id)
  if owner and string.sub(owner, 1, 8) == fence then
    redis.call('HDEL', owners, id)
    redis.call('ZREM', running, id)
    redis.call('SREM', known, id)
    acked = acked + 1
  end
end
return { 0, acked }
