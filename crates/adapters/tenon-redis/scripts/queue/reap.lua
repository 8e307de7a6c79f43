-- Puts jobs whose lease has lapsed back to the front, flagged as recovered and reaped; the one
-- that lapsed first stands first. At most 500. One that had been taken up again after a loss is
-- forgotten, as in nack.lua.
--
-- Gives {0, how many, sources that have work again}. Repeating it finds the next ones.
if not is_whole() then return { -3 } end
local lapsed = redis.call('ZRANGEBYSCORE', RUNNING, '-inf', now, 'LIMIT', 0, 500)
if #lapsed == 0 then return { 0, 0, fresh } end
local owners = redis.call('HMGET', OWNERS, unpack(lapsed))
redis.call('ZREM', RUNNING, unpack(lapsed))
redis.call('HDEL', OWNERS, unpack(lapsed))
for i = #lapsed, 1, -1 do
  local id, owner = lapsed[i], owners[i]
  if owner then
    local flags, name = read_owner(owner)
    count('r', name, -1)
    if has(flags, ADOPTED) then
      redis.call('SREM', key('k', name), id)
      blind(name, id, now + 10000)
    else
      flags = flags + (has(flags, RECOVERED) and 0 or RECOVERED) + (has(flags, REAPED) and 0 or REAPED)
      redis.call('SADD', key('k', name), id)
      if not step_back(name, id, flags, 0) then
        redis.call('LPUSH', list_of(name, flags), entry_of(id, flags))
        enter(name)
      end
    end
    reenter(name)
    tidy(name)
  end
end
return { 0, #lapsed, fresh }
