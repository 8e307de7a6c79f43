-- Takes a queue off the active ones, if nothing was pushed to it since the caller looked.
--
-- KEYS  the registry's active queues
-- ARGV  1: the queue's name   2: the time of the last push that the caller saw
-- Gives 1 when it was taken off. Repeating it changes nothing.
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])
