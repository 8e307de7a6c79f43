-- Where one job of a queue is.
--
-- ARGV  3: name   4: id   5: how many entries of a list are looked at, and 6: how many ids are named
-- Gives {0, place, number, ms, member, rule, ids, holdup}, of which the place decides what is told:
--   0  not known
--   1  ready: the number of jobs before it, or -1 where it was not found among the first; holdup is 1
--      for a queue that is paused, 2 for one of which as many run as the ms say, 3 for one that may not
--      start anything before the ms, 4 where it waits for leases whose lane is not known, else 0
--   2  delayed: until ms
--   3  held: the number of jobs before it in its lane; the rule of the lane; the ids that are out
--   4  running: until ms; 16 bytes of who holds it, or nothing
-- Changes nothing but what has lapsed.
local name, id = ARGV[3], ARGV[4]
local look_max, ids_max = tonumber(ARGV[5]), tonumber(ARGV[6])

local function answer(found)
  return {
    0, found.place, found.number or 0, found.ms or 0, found.member or '', found.rule or -1,
    found.ids or '', found.holdup or 0,
  }
end

if redis.call('SISMEMBER', key('k', name), id) == 0 then return answer({ place = 0 }) end
local owner = redis.call('HGET', OWNERS, id)
if owner then
  local _, _, member = read_owner(owner)
  local lapses = tonumber(redis.call('ZSCORE', RUNNING, id) or now)
  return answer({ place = 4, ms = lapses, member = member })
end

local record = record_of(name, id)
if record then
  local waiting, first = key('w', name), '[' .. record.lane
  if redis.call('ZSCORE', waiting, record.lane .. id) then
    return answer({
      place = 3,
      number = redis.call('ZLEXCOUNT', waiting, first, '(' .. record.lane .. id),
      rule = record.at_most,
      ids = string.sub(out_of(name, record.lane), 1, 16 * ids_max),
    })
  end
end

local lane_flag = record and LANED or 0
local flags_of_place = {}
for _, priority in ipairs({ 0, HIGH, LOW }) do
  for _, recovered in ipairs({ 0, RECOVERED, RECOVERED + REAPED }) do
    flags_of_place[#flags_of_place + 1] = priority + recovered + lane_flag
  end
end
for _, flags in ipairs(flags_of_place) do
  local due = redis.call('ZSCORE', key('d', name), entry_of(id, flags))
  if due then return answer({ place = 2, ms = tonumber(due) }) end
end

local function is_of(list, flags)
  local is_high, is_low = has(flags, HIGH), has(flags, LOW)
  if list == 'x' then return lane_flag > 0 end
  return is_high == (list == 'h') and is_low == (list == 'l')
end

local before, found_in = 0, nil
for _, list in ipairs({ 'h', 'x', 'r', 'l' }) do
  for _, flags in ipairs(flags_of_place) do
    local at = is_of(list, flags)
      and redis.call('LPOS', key(list, name), entry_of(id, flags), 'MAXLEN', look_max)
    if at then
      before, found_in = before + at, list
      break
    end
  end
  if found_in then break end
  before = before + redis.call('LLEN', key(list, name))
end

local terms, holdup, ms = terms_of(name), 0, 0
local paced = tonumber(redis.call('ZSCORE', PACED, name) or 0)
if terms and terms.is_paused then
  holdup = 1
elseif terms and terms.running_max and running_of(name) >= terms.running_max then
  holdup, ms = 2, terms.running_max
elseif lane_flag > 0 and is_blind(name) then
  holdup = 4
elseif terms and terms.rate and paced > now then
  holdup, ms = 3, paced
end
return answer({ place = 1, number = found_in and before or -1, ms = ms, holdup = holdup })
