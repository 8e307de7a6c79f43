-- Adds jobs that are not known; known ones keep their place.
--
-- ARGV  2..: entry, due in Unix ms (0: now), at most 500 pairs
-- Gives {0, how many were added}. Repeating it adds nothing.
local now = now_ms()
local added = 0
for i = 2, #ARGV, 2 do
  local entry, due = ARGV[i], tonumber(ARGV[i + 1])
  if redis.call('SADD', known, string.sub(entry, 2)) == 1 then
    if due > now then
      redis.call('ZADD', delayed, due, entry)
    else
      redis.call('RPUSH', ready, entry)
    end
    added = added + 1
  end
end
return { 0, added }
