-- For each id, whether the queue knows it.
--
-- ARGV  2..: ids, at most 500
-- Gives {0, 1 or 0 for each, how many jobs the queue holds}. Repeating it changes nothing.
--
-- `known` must be the union of the three places. Where it is not, a key was lost on the way
-- (evicted, deleted): the queue then drops what waits and answers 0 for it, so that the sweep
-- pushes it again. Leased jobs stay with their workers; a lease that has an owner but no
-- deadline is taken up again by its next beat, or else pushed again.
local places = redis.call('LLEN', ready) + redis.call('ZCARD', delayed)
  + redis.call('ZCARD', running)
if places ~= redis.call('SCARD', known) then
  redis.call('UNLINK', ready, delayed, known)
  local from = 0
  repeat
    local leased = redis.call('ZRANGE', running, from, from + 499)
    if #leased > 0 then redis.call('SADD', known, unpack(leased)) end
    from = from + #leased
  until #leased < 500
  places = from
end
local answers = redis.call('SMISMEMBER', known, unpack(ARGV, 2))
return { 0, answers, places }
