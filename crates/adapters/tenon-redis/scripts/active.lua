-- The active queues, those that were not pushed to for the longest time first.
--
-- KEYS  the registry's active queues
-- ARGV  1: how many ms without a push make a queue quiet
-- Gives {the time before which a last push makes a queue quiet, names and times of last pushes}.
-- Reads only.
local time = redis.call('TIME')
local since = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[1])
return { since, redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES') }
