-- Drops jobs of a queue from wherever they are.
--
-- ARGV  3: name   4..: ids, at most 500
-- Gives {0, how many were there, sources that have work again}. Repeating it drops nothing more.
-- A ready job is searched for in its list: O(ready), for cancelled runs only.
local name = ARGV[3]
local removed = 0

local function drop_ready(id, lane_flag)
  for _, list in ipairs({ { 'r', 0 }, { 'h', HIGH }, { 'l', LOW } }) do
    for _, flags in ipairs({ 0, RECOVERED, RECOVERED + REAPED }) do
      local entry = entry_of(id, flags + lane_flag + list[2])
      if redis.call('LREM', key(list[1], name), 1, entry) == 1 then return end
      if lane_flag > 0 and redis.call('LREM', key('x', name), 1, entry) == 1 then return end
    end
  end
end

for i = 4, #ARGV do
  local id = ARGV[i]
  if redis.call('SREM', key('k', name), id) == 1 then
    removed = removed + 1
    local lane_flag = redis.call('HEXISTS', key('o', name), 'j' .. id) == 1 and LANED or 0
    local owner = redis.call('HGET', OWNERS, id)
    if owner and select(2, read_owner(owner)) == name then
      redis.call('HDEL', OWNERS, id)
      redis.call('ZREM', RUNNING, id)
      count('r', name, -1)
    elseif not undelay(name, id, lane_flag) then
      local record = lane_flag > 0 and record_of(name, id)
      local is_held = record and redis.call('ZREM', key('w', name), record.lane .. id) == 1
      if not is_held then drop_ready(id, lane_flag) end
    end
    if lane_flag > 0 then end_lane(name, id) end
  end
  unblind(name, { id })
end
if ready_count(name) == 0 then redis.call('ZREM', TURNS, name) end
reenter(name)
tidy(name)
return { 0, removed, fresh }
