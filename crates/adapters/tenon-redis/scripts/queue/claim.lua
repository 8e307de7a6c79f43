-- Makes due delayed jobs of the shard ready (at most 500), then leases ready ones of a source, all
-- under one new fence.
--
-- ARGV  3: at most so many jobs (<= 500)   4: at most so many of a queue in one turn, fewer where
--          many wait
--       5: lease in ms   6: the dedicated queue, or empty for those that are shared
--       7..: queues to pass over
-- Gives {0, counter of the fence, due ms of the next job or nil, 1 when more is ready, names and
-- lists of entries by turns, sources that have work again}, and {-2} when the counter is used up:
-- only a new generation gives more fences.
-- Repeating it leases other jobs; those of a lost reply come back when their lease lapses.
local counter = tonumber(meta[2])
if counter >= 4294967295 then return { -2 } end
local max, max_of_turn, ttl = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local dedicated = ARGV[6]
local except, except_count = {}, #ARGV - 6
for i = 7, #ARGV do except[ARGV[i]] = true end
own_source = dedicated ~= '' and 'd' .. dedicated or 's' .. string.match(tag, '%d+')

-- Puts jobs whose time has come into their lists; one whose lane is full is held.
local function make_ready(name, entries)
  local parts = {}
  for _, entry in ipairs(entries) do
    local id, flags = string.sub(entry, 1, 16), flags_of(entry)
    local record = has(flags, LANED) and record_of(name, id)
    local out = record and record.at_most > 0 and out_of(name, record.lane)
    if out and #out >= 16 * record.at_most then
      record.flags, record.due = flags, 0
      write_record(name, id, record)
      hold(name, record.lane, id)
    else
      if out then set_out(name, record.lane, out .. id) end
      local list = list_of(name, flags)
      parts[list] = parts[list] or {}
      table.insert(parts[list], entry)
    end
  end
  for list, ready in pairs(parts) do redis.call('RPUSH', list, unpack(ready)) end
  if next(parts) then enter(name) end
end

local function promote()
  local budget = 500
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, 100)) do
    local delayed = key('d', name)
    local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, budget)
    if #due > 0 then
      redis.call('ZREM', delayed, unpack(due))
      make_ready(name, due)
    end
    local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
    if first[2] then redis.call('ZADD', DUE, first[2], name) else redis.call('ZREM', DUE, name) end
    budget = budget - #due
    if budget <= 0 then break end
  end
  local paced = redis.call('ZRANGEBYSCORE', PACED, '-inf', now, 'LIMIT', 0, 100)
  if #paced > 0 then redis.call('ZREM', PACED, unpack(paced)) end
  for _, name in ipairs(paced) do
    if ready_count(name) > 0 then enter(name) end
  end
end

-- Starts that a queue has saved up, at most those of a second, at least one.
local function saved_starts(name, rate)
  if rate <= 0 then return 0 end
  local saved = math.max(rate, 1)
  local text = redis.call('GET', key('t', name))
  if not text then return saved end
  local had, at = string.match(text, '^(%S+) (%S+)$')
  return math.min(saved, tonumber(had) + math.max(0, now - tonumber(at)) * rate / 1000)
end

local function pace(name, due)
  redis.call('ZADD', PACED, 'NX', due, name)
end

local function spend_starts(name, rate, left)
  local text = string.format('%.9f %.0f', left, now)
  redis.call('SET', key('t', name), text, 'PX', math.ceil(1000 * math.max(rate, 1) / rate) + 1000)
end

local function pace_by_rate(name, rate, left)
  if rate > 0 then pace(name, now + math.max(1, math.ceil(1000 * (1 - left) / rate))) end
end

local leased = {}

-- Jobs that a lost key left in two places, or nowhere, are not handed out: the sweep pushes
-- again what is still open.
local function without_strays(name, entries, ids)
  local is_known = redis.call('SMISMEMBER', key('k', name), unpack(ids))
  local deadlines = redis.call('ZMSCORE', RUNNING, unpack(ids))
  local kept = nil
  for i = 1, #ids do
    if is_known[i] == 1 and not deadlines[i] and not leased[ids[i]] then
      leased[ids[i]] = true
      if kept then kept[#kept + 1] = entries[i] end
    elseif not kept then
      kept = { unpack(entries, 1, i - 1) }
    end
  end
  return kept or entries
end

local deadlines, owners, fence = {}, {}, nil

local function lease(name, entries)
  local plain = owner_of(fence, 0, name)
  for _, entry in ipairs(entries) do
    local id, owner = entry, plain
    if #entry > 16 then
      id = string.sub(entry, 1, 16)
      owner = owner_of(fence, string.byte(entry, 17), name)
    end
    deadlines[#deadlines + 1] = now + ttl
    deadlines[#deadlines + 1] = id
    owners[#owners + 1] = id
    owners[#owners + 1] = owner
  end
  count('r', name, #entries)
end

-- Takes up to `want` jobs by priority, then age; also says whether more are ready.
local function take(name, want)
  local normal, parked = key('r', name), key('x', name)
  local high, low = key('h', name), key('l', name)
  local lists = { normal }
  if redis.call('EXISTS', high, parked, low) > 0 then lists = { high, parked, normal, low } end
  local entries, ids, budget = {}, {}, 500
  local waits_for_lanes = false
  for _, list in ipairs(lists) do
    local is_skipped = list == parked and is_blind(name)
    while not is_skipped and #entries < want and budget > 0 do
      local popped = redis.call('LPOP', list, math.min(want - #entries, budget))
      if not popped then break end
      budget = budget - #popped
      for _, entry in ipairs(popped) do
        if #entry > 16 and has(string.byte(entry, 17), LANED) then
          entry = run_in_lane(name, entry)
          waits_for_lanes = waits_for_lanes or not entry
        end
        if entry then
          entries[#entries + 1] = entry
          ids[#ids + 1] = #entry == 16 and entry or string.sub(entry, 1, 16)
        end
      end
    end
  end
  if waits_for_lanes then lists = { high, parked, normal, low } end
  local more = 0
  for _, list in ipairs(lists) do
    if list ~= parked or not is_blind(name) then
      more = more + redis.call('LLEN', list)
    elseif redis.call('EXISTS', parked) == 1 then
      pace(name, now + 500)
    end
  end
  if #ids > 0 then entries = without_strays(name, entries, ids) end
  return entries, more > 0
end

local turns, taken_count = {}, 0

-- One turn of a queue. Answers what it costs, and whether it may have another.
local function serve(name, want)
  local terms, room, starts = terms_of(name), nil, nil
  if (terms ~= nil and terms.is_dedicated) ~= (dedicated ~= '') then return 0, false end
  if terms then
    if terms.is_paused then return 0, false end
    if terms.running_max then
      room = terms.running_max - running_of(name)
      want = math.min(want, room)
    end
    if terms.rate then
      starts = saved_starts(name, terms.rate)
      if starts < 1 then pace_by_rate(name, terms.rate, starts) end
      want = math.min(want, math.floor(starts))
    end
    if want <= 0 then return 0, false end
  end
  local entries, has_more = take(name, want)
  if #entries > 0 then
    if not fence then
      counter = counter + 1
      fence = struct.pack('>I4I4', generation, counter)
    end
    lease(name, entries)
    turns[#turns + 1] = name
    turns[#turns + 1] = entries
    taken_count = taken_count + #entries
  end
  if room and #entries >= room then has_more = false end
  if starts then
    spend_starts(name, terms.rate, starts - #entries)
    if has_more and starts - #entries < 1 then
      pace_by_rate(name, terms.rate, starts - #entries)
      has_more = false
    end
  end
  if not has_more then tidy(name) end
  return #entries / (terms and terms.weight or 10), has_more
end

-- A round, in which each queue that waits has one turn, takes about so many jobs: where many wait,
-- turns are shorter, so that the last one is served soon, too. Of so many jobs they are at least,
-- since each turn costs the server some microseconds. tenon-local does the same.
local JOBS_OF_ROUND, JOBS_OF_TURN_MIN = 1024, 4

local function shorten_turns()
  local waiting = math.max(redis.call('ZCARD', TURNS) - 1, 1)
  local fair = math.max(math.floor(JOBS_OF_ROUND / waiting), JOBS_OF_TURN_MIN)
  max_of_turn = math.min(max_of_turn, fair)
end

-- The queues whose turn comes next, lowest time first, without those to pass over; and whether
-- these are all.
local function line_up(max_count)
  local found = redis.call('ZRANGE', TURNS, 0, max_count - 1, 'WITHSCORES')
  local line = {}
  for i = 1, #found, 2 do
    if found[i] == KEYSTONE then return line, true end
    if not except[found[i]] then
      line[#line + 1] = { name = found[i], time = tonumber(found[i + 1]) }
    end
  end
  return line, #found < 2 * max_count
end

local function insert_by_time(line, queue, is_all)
  local at = #line + 1
  while at > 1 and line[at - 1].time > queue.time do at = at - 1 end
  -- Behind the last one we see there may be others before it.
  if at <= #line or is_all then table.insert(line, at, queue) end
end

-- Serves the queues of one look at the line, the first `count` of it. Says whether another look may
-- find more.
local function serve_line(count)
  local line, is_all = line_up(math.min(count, 128) + except_count)
  if #line == 0 then return false end
  local stay, leave, left = {}, {}, {}
  local times, visits = {}, 0
  while line[1] and taken_count < max and visits < 500 do
    local queue = table.remove(line, 1)
    visits = visits + 1
    turn = math.max(turn, queue.time)
    local cost, has_more = serve(queue.name, math.min(max_of_turn, max - taken_count))
    queue.time = queue.time + cost
    times[queue.name] = { queue.time, has_more }
    -- A turn that took nothing met only jobs that wait for their lanes; one such a call will do.
    if has_more and cost > 0 then insert_by_time(line, queue, is_all) end
  end
  for name, time in pairs(times) do
    if time[2] then
      stay[#stay + 1] = time[1]
      stay[#stay + 1] = name
    else
      leave[#leave + 1] = name
      if time[1] > turn then
        left[#left + 1] = time[1]
        left[#left + 1] = name
      end
    end
  end
  if #stay > 0 then redis.call('ZADD', TURNS, unpack(stay)) end
  if #leave > 0 then redis.call('ZREM', TURNS, unpack(leave)) end
  if #left > 0 then redis.call('ZADD', LEFT, unpack(left)) end
  return not is_all and taken_count < max
end

promote()
local has_more = false
if dedicated ~= '' then
  if max > 0 and not except[dedicated] then
    local goes_on = true
    while goes_on and taken_count < max do
      local cost
      cost, goes_on = serve(dedicated, math.min(max_of_turn, max - taken_count))
      has_more = goes_on
      if cost == 0 then break end
    end
  end
else
  shorten_turns()
  -- Those that fill the claim if each has enough for its turn; then more of them. A look costs the
  -- server time for each queue that it sees.
  local looks_left = max > 0 and 5 or 0
  local count = math.ceil(max / max_of_turn) + 1
  while looks_left > 0 and serve_line(count) do
    looks_left, count = looks_left - 1, max
  end
  redis.call('ZREMRANGEBYSCORE', LEFT, '-inf', turn)
  local waiting = redis.call('ZCARD', TURNS) - 1
  if waiting == 0 then redis.call('UNLINK', LEFT) end
  if waiting < 0 then redis.call('ZADD', TURNS, '+inf', KEYSTONE) end
  for name in pairs(except) do
    if waiting <= 0 then break end
    if redis.call('ZSCORE', TURNS, name) then waiting = waiting - 1 end
  end
  has_more = waiting > 0
end

if fence then
  redis.call('ZADD', RUNNING, unpack(deadlines))
  redis.call('HSET', OWNERS, unpack(owners))
  redis.call('HSET', META, 'counter', counter, 'turn', turn)
end
local due = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2]
local paced = redis.call('ZRANGE', PACED, 0, 0, 'WITHSCORES')[2]
if paced and (not due or tonumber(paced) < tonumber(due)) then due = paced end
return { 0, counter, due or false, has_more and 1 or 0, turns, fresh }
