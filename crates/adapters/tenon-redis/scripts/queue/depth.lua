-- How many jobs of a queue are where.
--
-- ARGV  3: name
-- Gives {0, ready, delayed, held, running}. Reads only.
local name = ARGV[3]
return {
  0,
  ready_count(name),
  redis.call('ZCARD', key('d', name)),
  redis.call('ZCARD', key('w', name)),
  running_of(name),
}
