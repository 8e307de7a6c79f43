-- Leases that the caller holds, of those that it names: ack and nack end them.

local ended = { ids = {}, by_queue = {}, queues = {} }

-- Ends the leases of `ids` whose owner has the fence. Calls `each` for those, with id, name, flags
-- and place in `ids`.
local function end_leases(ids, fences, each)
  local owners = redis.call('HMGET', OWNERS, unpack(ids))
  local names, seen = {}, {}
  for i, id in ipairs(ids) do
    local owner = owners[i]
    if owner and not seen[id] and string.sub(owner, 1, 8) == fences[i] then
      seen[id] = true
      -- Jobs of one claim and queue mostly have the same owner.
      local known = names[owner]
      if not known then
        local flags, name = read_owner(owner)
        known = { name, flags }
        names[owner] = known
      end
      local name = known[1]
      local of_queue = ended.by_queue[name]
      if not of_queue then
        of_queue = {}
        ended.by_queue[name] = of_queue
        ended.queues[#ended.queues + 1] = name
      end
      of_queue[#of_queue + 1] = id
      ended.ids[#ended.ids + 1] = id
      each(id, name, known[2], i)
    end
  end
  if #ended.ids == 0 then return end
  redis.call('HDEL', OWNERS, unpack(ended.ids))
  redis.call('ZREM', RUNNING, unpack(ended.ids))
  for _, name in ipairs(ended.queues) do count('r', name, -#ended.by_queue[name]) end
end

-- A queue that was at its limit may have room again.
local function reenter(name)
  local terms = terms_of(name)
  if terms and terms.running_max and ready_count(name) > 0 then enter(name) end
end
