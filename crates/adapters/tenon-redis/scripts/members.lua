-- What the members say whose beat holds, at most ARGV[1] of them, the freshest first. A member
-- whose entry in one of the two keys was lost is left out until it beats again.
-- KEYS members, member   ARGV max
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ids = redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '(' .. now, 'LIMIT', 0, tonumber(ARGV[1]))
local found = {}
for at = 1, #ids, 500 do
  local part = redis.call('HMGET', KEYS[2], unpack(ids, at, math.min(at + 499, #ids)))
  for _, text in ipairs(part) do
    if text then found[#found + 1] = text end
  end
end
return found
