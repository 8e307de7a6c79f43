-- Gives one job back, if the lease is the one that holds it: to the front, or delayed.
-- It stays flagged as recovered; that it was reaped has been told once, at the claim.
--
-- ARGV  2: id and fence (24 bytes)   3: due in Unix ms, or empty for the front
-- Gives {0, 1 when it was held}. Repeating it changes nothing.
local id, fence = string.sub(ARGV[2], 1, 16), string.sub(ARGV[2], 17, 24)
local owner = redis.call('HGET', owners, id)
if not owner or string.sub(owner, 1, 8) ~= fence then return { 0, 0 } end
redis.call('HDEL', owners, id)
redis.call('ZREM', running, id)
local entry = string.char(string.byte(owner, 9) % 2) .. id
if ARGV[3] == '' then
  redis.call('LPUSH', ready, entry)
else
  redis.call('ZADD', delayed, ARGV[3], entry)
end
return { 0, 1 }
