-- Whose turn it is: which queues of the shard have jobs that may be handed out.
--
-- A queue stands in TURNS by its virtual time. Each job taken costs it 1 / weight, and the lowest
-- is served next. One that becomes ready enters at the time of the last one served, or at the time
-- at which it left if that is later: who drains now and then gains nothing by it.

local turn = tonumber(meta[3] or 0)
local fresh = {}
local own_source = nil

-- A source has work again: here the caller is told, and with it every other process.
local function tell(source)
  if source == own_source then return end
  for _, told in ipairs(fresh) do
    if told == source then return end
  end
  fresh[#fresh + 1] = source
  redis.call('PUBLISH', '{reg}:nudge', ARGV[2] .. source)
end

-- The same for the caller alone: it looks, and learns when a job falls due.
local function tell_caller(source)
  for _, told in ipairs(fresh) do
    if told == source then return end
  end
  fresh[#fresh + 1] = source
end

local has_terms = redis.call('EXISTS', TERMS) == 1
-- nil for the usual ones.
local function terms_of(name)
  local text = has_terms and redis.call('HGET', TERMS, name)
  if not text then return nil end
  local weight, running_max, rate, flags = string.match(text, '^(%S+) (%S+) (%S+) (%d)$')
  return {
    weight = tonumber(weight),
    running_max = tonumber(running_max),
    rate = tonumber(rate),
    is_dedicated = has(tonumber(flags), 1),
    is_paused = has(tonumber(flags), 2),
  }
end

local function source_of(name)
  local terms = terms_of(name)
  return terms and terms.is_dedicated and 'd' .. name or 's' .. string.match(tag, '%d+')
end

local function list_of(name, flags)
  local part = has(flags, HIGH) and 'h' or has(flags, LOW) and 'l' or 'r'
  return key(part, name)
end

local function ready_count(name)
  return redis.call('LLEN', key('r', name)) + redis.call('LLEN', key('h', name))
    + redis.call('LLEN', key('l', name)) + redis.call('LLEN', key('x', name))
end

-- Lets a queue that has ready jobs take turns, if its terms allow. Repeating it changes nothing.
local function enter(name)
  local terms = terms_of(name)
  if terms then
    if terms.is_paused then return end
    if terms.running_max and running_of(name) >= terms.running_max then return end
    if terms.is_dedicated then return tell('d' .. name) end
    if terms.rate and redis.call('ZSCORE', PACED, name) then return end
  end
  local left = tonumber(redis.call('ZSCORE', LEFT, name) or 0)
  local is_new = redis.call('ZADD', TURNS, 'NX', math.max(turn, left), name) == 1
  if is_new and redis.call('ZCARD', TURNS) <= 2 then tell('s' .. string.match(tag, '%d+')) end
end

-- Puts a job where it waits; its lane, if it has one, has given it the turn.
local function place(name, id, flags, due)
  if due > now then
    redis.call('ZADD', key('d', name), due, entry_of(id, flags))
    redis.call('ZADD', DUE, 'LT', due, name)
    tell_caller(source_of(name))
  else
    redis.call('RPUSH', list_of(name, flags), entry_of(id, flags))
    enter(name)
  end
end
