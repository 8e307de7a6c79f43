-- For each id, whether the queue knows it.
--
-- ARGV  3: name   4..: ids, at most 500
-- Gives {0, 1 or 0 for each, sources that have work again}. Repeating it changes nothing.
--
-- `k` must be the union of the places. Where it holds more, a key was lost on the way (evicted,
-- deleted): the queue then drops what waits and answers 0 for it, so that the sweep pushes it again,
-- but first 1 for a moment, so that live workers can say what they hold. Where it holds less, the
-- claim drops what is not known. Lists of queues are made good from what is there.
if not is_whole() then return { -3 } end
local name = ARGV[3]
local ready, delayed = ready_count(name), redis.call('ZCARD', key('d', name))
local waiting = ready + delayed + redis.call('ZCARD', key('w', name))
local places, known_count = waiting + running_of(name), redis.call('SCARD', key('k', name))
local has_lanes = redis.call('EXISTS', key('o', name)) == 1
local had_lanes = redis.call('HEXISTS', META, 'l' .. name) == 1
if known_count > places or (had_lanes and not has_lanes) then
  repair(name)
elseif places > 0 then
  redis.call('ZADD', QUEUES, 'NX', 0, name)
  if ready > 0 and not redis.call('ZSCORE', TURNS, name) then enter(name) end
  local first = redis.call('ZRANGE', key('d', name), 0, 0, 'WITHSCORES')[2]
  if first then redis.call('ZADD', DUE, 'LT', first, name) end
end
if #ARGV == 3 then return { 0, {}, fresh } end

local grace = tonumber(redis.call('HGET', META, 'g' .. name) or 0)
if grace > 0 and grace <= now then redis.call('HDEL', META, 'g' .. name) end
if math.max(grace, tonumber(meta[5] or 0)) > now then
  local all = {}
  for i = 4, #ARGV do all[i - 3] = 1 end
  return { 0, all, fresh }
end
return { 0, redis.call('SMISMEMBER', key('k', name), unpack(ARGV, 4)), fresh }
