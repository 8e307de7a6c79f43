-- Puts jobs whose lease has lapsed back to the front, flagged as recovered and reaped; the one
-- that lapsed first stands first. At most 500.
--
-- Gives {0, how many}. Repeating it finds the next ones.
local lapsed = redis.call('ZRANGEBYSCORE', running, '-inf', now_ms(), 'LIMIT', 0, 500)
for i = #lapsed, 1, -1 do
  local id = lapsed[i]
  redis.call('ZREM', running, id)
  redis.call('HDEL', owners, id)
  redis.call('LPUSH', ready, '\3' .. id)
end
return { 0, #lapsed }
