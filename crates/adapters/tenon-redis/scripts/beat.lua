-- Extends leases from now on. Takes a lease up again that the queue does not know and that is of
-- an earlier generation: the queue has forgotten it. One of this generation that is not known
-- was finished or removed.
--
-- ARGV  2: lease in ms   3..: id and fence (24 bytes), at most 500
-- Gives {0, ids of the leases that are lost}. Repeating it extends a little more.
local deadline = now_ms() + tonumber(ARGV[2])
local lost = {}
for i = 3, #ARGV do
  local id, fence = string.sub(ARGV[i], 1, 16), string.sub(ARGV[i], 17, 24)
  local owner = redis.call('HGET', owners, id)
  local is_held = false
  if owner then
    is_held = string.sub(owner, 1, 8) == fence
  elseif redis.call('SISMEMBER', known, id) == 0 and struct.unpack('>I4', fence) < generation then
    redis.call('HSET', owners, id, fence .. '\1')
    is_held = true
  end
  if is_held then
    redis.call('ZADD', running, deadline, id)
    redis.call('SADD', known, id)
  else
    lost[#lost + 1] = id
  end
end
return { 0, lost }
