-- Extends leases from now on. Takes a lease up again that the shard does not know and that it has
-- forgotten: one of an earlier generation, or from before a key was lost. One of this generation
-- that is not known was finished or removed.
--
-- ARGV  3: lease in ms   4..: groups of a queue: name, how many, then id and fence (24 bytes) each;
--       at most 500 leases
-- Gives {0, ids of the leases that are lost}. Repeating it extends a little more.
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

-- What it was before is not known: its lane, its priority. So it is looked at before it runs again.
local function adopt(name, id, fence)
  adopted[id] = fence
  redis.call('HSET', OWNERS, id, fence .. string.char(RECOVERED + ADOPTED) .. name)
  blind(name, id, deadline + 10000)
end

local function beat(name, from, to)
  local known, ids, held = key('k', name), {}, {}
  for i = from, to do ids[#ids + 1] = string.sub(ARGV[i], 1, 16) end
  local owners = redis.call('HMGET', OWNERS, unpack(ids))
  -- What waited was dropped a moment ago: leases that are not known since lost their lanes.
  local was_repaired = redis.call('HEXISTS', META, 'g' .. name) == 1
  for i, id in ipairs(ids) do
    local fence, owner = string.sub(ARGV[from + i - 1], 17, 24), owners[i]
    if owner and string.sub(owner, 1, 8) == fence then
      held[#held + 1] = id
      if has(string.byte(owner, 9), ADOPTED) then
        blind(name, id, deadline + 10000)
      elseif was_repaired and redis.call('SISMEMBER', known, id) == 0 then
        adopt(name, id, fence)
      end
    elseif adopted[id] then
      if adopted[id] ~= fence then lost[#lost + 1] = id end
    elseif not owner and is_forgotten(fence) and redis.call('SISMEMBER', known, id) == 0 then
      adopt(name, id, fence)
      count('r', name, 1)
      redis.call('ZADD', QUEUES, 'NX', 0, name)
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
return { 0, lost }
