-- Extends leases from now on. Takes a lease up again that the shard does not know and that it has
-- forgotten: one of an earlier generation, or from before a key was lost. One of this generation
-- that is not known was finished or removed.
--
-- ARGV  3: lease in ms   4..: groups of a queue: name, how many, then for each id and fence (24
--       bytes), and where the job's order is known a byte of flags (its priority) and, with a lane, the
--       lane and its rule (18 bytes); at most 500 leases
-- Gives {0, ids of the leases that are lost, sources that have work again}. Repeating it extends a
-- little more.
if not is_whole() then return { -3 } end
local deadline = now + tonumber(ARGV[3])
local forgot = tonumber(meta[4] or -1)
local lost, deadlines = {}, {}
-- Fences under which jobs were taken up again in this call: one for each.
local adopted = {}

local function is_forgotten(fence)
  local of_generation, counter = struct.unpack('>I4I4', fence)
  return of_generation < generation or (of_generation == generation and counter <= forgot)
end

-- Takes a lease up again. It is looked at before it runs again. Without the job's order, its lane and
-- its priority are not known.
local function adopt(name, id, fence, order)
  adopted[id] = fence
  if order == '' then
    redis.call('HSET', OWNERS, id, owner_of(fence, RECOVERED + ADOPTED, name))
    return blind(name, id, deadline + 10000)
  end
  local flags = string.byte(order) + RECOVERED + (#order > 1 and LANED or 0)
  redis.call('HSET', OWNERS, id, owner_of(fence, flags, name))
  if #order > 1 and redis.call('HEXISTS', key('o', name), 'j' .. id) == 0 then
    local record = {
      lane = string.sub(order, 2, 17),
      at_most = struct.unpack('>I2', string.sub(order, 18, 19)),
      flags = flags,
      due = 0,
    }
    write_record(name, id, record)
    count('l', name, 1)
    take_lane(name, id, record)
  end
  unblind(name, { id })
end

local function beat(name, from, to)
  local known, ids, held = key('k', name), {}, {}
  -- The lanes were lost: what is written here must not hide it.
  if redis.call('EXISTS', key('o', name)) == 0 and redis.call('HEXISTS', META, 'l' .. name) == 1 then
    repair(name)
  end
  for i = from, to do ids[#ids + 1] = string.sub(ARGV[i], 1, 16) end
  local owners = redis.call('HMGET', OWNERS, unpack(ids))
  -- What waited was dropped a moment ago: leases that are not known since lost their lanes.
  local was_repaired = redis.call('HEXISTS', META, 'g' .. name) == 1
  for i, id in ipairs(ids) do
    local lease, owner = ARGV[from + i - 1], owners[i]
    local fence, order = string.sub(lease, 17, 24), string.sub(lease, 25)
    if owner and string.sub(owner, 1, 8) == fence then
      held[#held + 1] = id
      if has(string.byte(owner, 9), ADOPTED) then
        if order ~= '' then
          adopt(name, id, fence, order)
        else
          blind(name, id, deadline + 10000)
        end
      elseif was_repaired and redis.call('SISMEMBER', known, id) == 0 then
        adopt(name, id, fence, order)
      end
    elseif adopted[id] then
      if adopted[id] ~= fence then lost[#lost + 1] = id end
    elseif not owner and is_forgotten(fence) and redis.call('SISMEMBER', known, id) == 0 then
      count('r', name, 1)
      redis.call('ZADD', QUEUES, 'NX', 0, name)
      adopt(name, id, fence, order)
      held[#held + 1] = id
    else
      lost[#lost + 1] = id
    end
  end
  if #held > 0 then redis.call('SADD', known, unpack(held)) end
  for _, id in ipairs(held) do
    deadlines[#deadlines + 1] = deadline
    deadlines[#deadlines + 1] = id
  end
end

local at = 4
while at <= #ARGV do
  local leases = tonumber(ARGV[at + 1])
  beat(ARGV[at], at + 2, at + 1 + leases)
  at = at + 2 + leases
end
if #deadlines > 0 then redis.call('ZADD', RUNNING, unpack(deadlines)) end
return { 0, lost, fresh }
