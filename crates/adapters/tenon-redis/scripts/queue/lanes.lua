-- Lanes: jobs of one queue of which only some may be out at a time.
--
-- The hash `o` of a queue holds, for each job with a lane, `j<id>`: lane (16 bytes), at most so
-- many (2 bytes, 0: in order), flags, due; and for each lane `l<lane>`: the ids that are out.
-- Those that wait stand in the zset `w` as lane and id, so the lowest id of a lane comes first.
--
-- In order: one id has the turn and keeps it until it is finished, ready, delayed or running. If
-- a lower id waits when the turn would start to run, the lower one takes it. At most: an id is
-- out while it is ready or running, not while it is delayed.
--
-- A lease that is taken up again after a loss is out at once, whoever is: it runs. One that was
-- delayed is held then, and one that is ready is displaced: no longer out, but in its list, where it
-- cannot be searched for. When it comes to the front it looks for a place again. So more may be out
-- than the lane asks for only as far as they run already.

-- Of ids of 16 bytes. Lua compares text by the locale, which is not what we want.
local function is_before(id, other)
  for i = 1, 16 do
    local a, b = string.byte(id, i), string.byte(other, i)
    if a ~= b then return a < b end
  end
  return false
end

-- A part of the queue was lost: drops what waits, so that the sweep pushes it again. Leased jobs
-- stay with their workers, but whoever has a lane is not known until they beat or end.
local function repair(name)
  for _, part in ipairs({ 'r', 'h', 'l', 'x', 'd', 'w', 'o', 'k' }) do
    redis.call('UNLINK', key(part, name))
  end
  redis.call('HDEL', META, 'l' .. name)
  redis.call('ZREM', DUE, name)
  redis.call('HSET', META, 'g' .. name, now + 1500)
  redis.call('ZADD', key('b', name), now + 5000, '*')
  redis.call('PEXPIRE', key('b', name), 60000)
end

-- Whether leases are around of which we do not know the lane: then no job of a lane may start.
local function is_blind(name)
  if redis.call('EXISTS', key('b', name)) == 0 then return false end
  redis.call('ZREMRANGEBYSCORE', key('b', name), '-inf', now)
  return redis.call('EXISTS', key('b', name)) == 1
end

-- Remembers for a while that a job is around whose lane is not known.
local function blind(name, id, until_ms)
  redis.call('ZADD', key('b', name), until_ms, id)
  redis.call('PEXPIRE', key('b', name), math.max(until_ms - now, 0) + 60000)
end

-- Some jobs are known with their lane again, or have ended: lanes may go on once all are.
local function unblind(name, ids)
  if redis.call('ZREM', key('b', name), unpack(ids)) == 0 or is_blind(name) then return end
  local terms = terms_of(name)
  if not terms or not terms.rate then redis.call('ZREM', PACED, name) end
  if redis.call('EXISTS', key('x', name)) == 1 then enter(name) end
end

local function record_of(name, id)
  local text = redis.call('HGET', key('o', name), 'j' .. id)
  if not text then return nil end
  return {
    lane = string.sub(text, 1, 16),
    at_most = struct.unpack('>I2', string.sub(text, 17, 18)),
    flags = string.byte(text, 19),
    due = tonumber(string.sub(text, 20)),
  }
end

local function write_record(name, id, record)
  local text = record.lane .. struct.pack('>I2', record.at_most) .. string.char(record.flags)
  local due = string.format('%.0f', record.due)
  return redis.call('HSET', key('o', name), 'j' .. id, text .. due)
end

local function out_of(name, lane) return redis.call('HGET', key('o', name), 'l' .. lane) or '' end

local function set_out(name, lane, ids)
  if ids == '' then
    redis.call('HDEL', key('o', name), 'l' .. lane)
  else
    redis.call('HSET', key('o', name), 'l' .. lane, ids)
  end
end

local function first_held(name, lane)
  local last = '[' .. lane .. string.rep('\255', 17)
  local found = redis.call('ZRANGEBYLEX', key('w', name), '[' .. lane, last, 'LIMIT', 0, 1)
  return found[1] and string.sub(found[1], 17)
end

local function hold(name, lane, id) redis.call('ZADD', key('w', name), 0, lane .. id) end
local function release(name, lane, id) redis.call('ZREM', key('w', name), lane .. id) end

-- Takes a delayed job out; says whether it was there.
local function undelay(name, id, lane_flag)
  local entries = {}
  for _, priority in ipairs({ 0, HIGH, LOW }) do
    entries[#entries + 1] = entry_of(id, priority + lane_flag)
    entries[#entries + 1] = entry_of(id, priority + lane_flag + RECOVERED)
  end
  if redis.call('ZREM', key('d', name), unpack(entries)) == 0 then return false end
  local first = redis.call('ZRANGE', key('d', name), 0, 0, 'WITHSCORES')[2]
  if first then redis.call('ZADD', DUE, first, name) else redis.call('ZREM', DUE, name) end
  return true
end

-- Gives a job with a lane its place: out, delayed or held.
local function enter_lane(name, id, record)
  local lane, out = record.lane, out_of(name, record.lane)
  if record.at_most > 0 then
    if record.due > now then return place(name, id, record.flags, record.due) end
    if #out >= 16 * record.at_most then return hold(name, lane, id) end
    set_out(name, lane, out .. id)
    return place(name, id, record.flags, record.due)
  end
  if out ~= '' then
    -- One that is ready gives its turn away when it is claimed; one that is delayed does it now.
    if not is_before(id, out) or not undelay(name, out, LANED) then return hold(name, lane, id) end
    hold(name, lane, out)
  end
  set_out(name, lane, id)
  place(name, id, record.flags, record.due)
end

local function without(out, id)
  for at = 1, #out, 16 do
    if string.sub(out, at, at + 15) == id then
      return string.sub(out, 1, at - 1) .. string.sub(out, at + 16)
    end
  end
  return out
end

-- A job is no longer out: those that wait for the lane follow.
local function leave_lane(name, id, record)
  local lane, out = record.lane, without(out_of(name, record.lane), id)
  while #out < 16 * math.max(record.at_most, 1) do
    local next = first_held(name, lane)
    if not next then break end
    release(name, lane, next)
    local waiting = record_of(name, next)
    if waiting then
      out = out .. next
      place(name, next, waiting.flags, waiting.due)
    end
  end
  set_out(name, lane, out)
end

-- A job is finished or removed.
local function end_lane(name, id)
  local record = record_of(name, id)
  if not record then return end
  redis.call('HDEL', key('o', name), 'j' .. id)
  count('l', name, -1)
  release(name, record.lane, id)
  leave_lane(name, id, record)
end

local function displace(name, id)
  local record = record_of(name, id)
  if not record or has(record.flags, DISPLACED) then return end
  record.flags = record.flags + DISPLACED
  write_record(name, id, record)
end

-- A lease of a job with a lane was taken up again: it is out, and who is ready or delayed makes room.
local function take_lane(name, id, record)
  local lane, out = record.lane, without(out_of(name, record.lane), id)
  if record.at_most == 0 then
    local running = ''
    for at = 1, #out, 16 do
      local other = string.sub(out, at, at + 15)
      if redis.call('HEXISTS', OWNERS, other) == 1 then
        running = running .. other
      elseif undelay(name, other, LANED) then
        hold(name, lane, other)
      else
        displace(name, other)
      end
    end
    return set_out(name, lane, id .. running)
  end
  -- Who became ready since the loss stands last. At most 100 are looked at.
  local last, looks = #out - 15, 100
  while #out + 16 > 16 * record.at_most and last >= 1 and looks > 0 do
    local other = string.sub(out, last, last + 15)
    if redis.call('HEXISTS', OWNERS, other) == 0 then
      out = string.sub(out, 1, last - 1) .. string.sub(out, last + 16)
      displace(name, other)
    end
    last, looks = last - 16, looks - 1
  end
  set_out(name, lane, id .. out)
end

-- A displaced job came to the front: says whether it has a place again. Else it is held.
local function regain(name, id, entry, record)
  local lane, out = record.lane, out_of(name, record.lane)
  record.flags, record.due = flags_of(entry), 0
  write_record(name, id, record)
  if #out < 16 * math.max(record.at_most, 1) then
    set_out(name, lane, out .. id)
    return true
  end
  if record.at_most == 0 and #out == 16 and is_before(id, out) and undelay(name, out, LANED) then
    hold(name, lane, out)
    set_out(name, lane, id)
    return true
  end
  hold(name, lane, id)
  return false
end

-- A lease ends without a result, of a job that shares its turn with one that was taken up again: it
-- steps back behind that one, and waits. Says whether it was so.
local function step_back(name, id, flags, due)
  local record = has(flags, LANED) and record_of(name, id)
  if not record or record.at_most > 0 then return false end
  local out = out_of(name, record.lane)
  if #out <= 16 then return false end
  record.flags, record.due = flags, due
  write_record(name, id, record)
  hold(name, record.lane, id)
  set_out(name, record.lane, without(out, id))
  return true
end

-- A job of a lane is about to run: answers the entry that runs instead, maybe itself, or none.
local function run_in_lane(name, entry)
  if is_blind(name) then
    redis.call('RPUSH', key('x', name), entry)
    return nil
  end
  local id = string.sub(entry, 1, 16)
  local record = record_of(name, id)
  if not record then
    -- The lanes were lost: the sweep pushes it again.
    redis.call('SREM', key('k', name), id)
    return nil
  end
  if has(record.flags, DISPLACED) and not regain(name, id, entry, record) then return nil end
  if record.at_most > 0 then return entry end
  local lowest = first_held(name, record.lane)
  if not lowest or not is_before(lowest, id) then return entry end
  local before = record_of(name, lowest)
  if not before then return entry end
  record.flags = flags_of(entry)
  record.due = 0
  write_record(name, id, record)
  hold(name, record.lane, id)
  release(name, record.lane, lowest)
  set_out(name, record.lane, lowest)
  if before.due > now then
    place(name, lowest, before.flags, before.due)
    return nil
  end
  return entry_of(lowest, before.flags)
end
