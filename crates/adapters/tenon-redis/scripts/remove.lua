-- Drops jobs from wherever they are.
--
-- ARGV  2..: ids, at most 500
-- Gives {0, how many were there}. Repeating it drops nothing more.
-- A ready job is searched for in the list: O(ready), for cancelled runs only.
local removed = 0
for i = 2, #ARGV do
  local id = ARGV[i]
  if redis.call('SREM', known, id) == 1 then
    removed = removed + 1
    redis.call('HDEL', owners, id)
    local was_running = redis.call('ZREM', running, id) == 1
    local was_delayed = redis.call('ZREM', delayed, '\0' .. id, '\1' .. id) > 0
    if not was_running and not was_delayed then
      for _, flags in ipairs({ '\0', '\1', '\3' }) do
        if redis.call('LREM', ready, 1, flags .. id) == 1 then break end
      end
    end
  end
end
return { 0, removed }
