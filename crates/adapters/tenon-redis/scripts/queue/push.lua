-- Adds jobs that are not known; known ones keep their place.
--
-- ARGV  3..: groups of jobs of one queue, at most 500 jobs in all. A group is: name, kind, flags,
--            how many jobs. Kind 1 are jobs that may start now and have no lane: their ids. Kind 2
--            are three each: id and flags, due in Unix ms (0: now), lane and rule (18 bytes, or
--            empty).
-- Gives {0, how many were added, sources that have work again}. Repeating it adds nothing.
local added_count = 0

-- Ids that were not known, each once; they are known now.
local function new_of(name, from, to)
  local known = key('k', name)
  local ids, is_known = {}, redis.call('SMISMEMBER', known, unpack(ARGV, from, to))
  for i = from, to do
    if is_known[i - from + 1] == 0 then ids[#ids + 1] = ARGV[i] end
  end
  if #ids == 0 then return ids end
  if redis.call('SADD', known, unpack(ids)) < #ids then
    local seen, once = {}, {}
    for _, id in ipairs(ids) do
      if not seen[id] then
        seen[id] = true
        once[#once + 1] = id
      end
    end
    ids = once
  end
  added_count = added_count + #ids
  return ids
end

local function push_plain(name, flags, from, to)
  local ids = new_of(name, from, to)
  if #ids == 0 then return end
  unblind(name, ids)
  if flags > 0 then
    for i, id in ipairs(ids) do ids[i] = entry_of(id, flags) end
  end
  -- Where the list was not empty, the queue takes turns already.
  if redis.call('RPUSH', list_of(name, flags), unpack(ids)) == #ids then
    redis.call('ZADD', QUEUES, 'NX', 0, name)
    enter(name)
  end
end

local function push_with_lane(name, id, flags, due, lane)
  if redis.call('EXISTS', key('o', name)) == 0 and redis.call('HEXISTS', META, 'l' .. name) == 1 then
    repair(name)
    redis.call('SADD', key('k', name), id)
  end
  local record = {
    lane = string.sub(lane, 1, 16),
    at_most = struct.unpack('>I2', string.sub(lane, 17, 18)),
    flags = flags + LANED,
    due = due,
  }
  -- One that has a record was placed; only `known` was lost.
  if redis.call('HEXISTS', key('o', name), 'j' .. id) == 1 then return end
  write_record(name, id, record)
  count('l', name, 1)
  enter_lane(name, id, record)
  unblind(name, { id })
end

local function push_special(name, from)
  local entry, due, lane = ARGV[from], tonumber(ARGV[from + 1]), ARGV[from + 2]
  local id, flags = string.sub(entry, 1, 16), flags_of(entry)
  if redis.call('SADD', key('k', name), id) == 0 then return end
  added_count = added_count + 1
  redis.call('ZADD', QUEUES, 'NX', 0, name)
  if lane ~= '' then return push_with_lane(name, id, flags, due, lane) end
  place(name, id, flags, due)
  unblind(name, { id })
end

local at = 3
while at <= #ARGV do
  local name, kind, flags, jobs = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  at = at + 4
  if kind == '1' then
    push_plain(name, flags, at, at + jobs - 1)
    at = at + jobs
  else
    for _ = 1, jobs do
      push_special(name, at)
      at = at + 3
    end
  end
end
return { 0, added_count, fresh }
