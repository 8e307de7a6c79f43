-- Lists a queue as active, as of now.
--
-- KEYS  the registry's active queues
-- ARGV  1: the queue's name
-- Gives nothing of note. Repeating it moves the time on.
local time = redis.call('TIME')
return redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
