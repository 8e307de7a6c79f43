-- Makes a queue that is new, was forgotten or is of an older generation an empty one of this
-- generation. What an older generation left is dropped: the sweep pushes it again.
--
-- KEYS  as in prelude.lua (which does not stand before this script)
-- ARGV  1: the generation
-- Gives 1 when the queue is of this generation now, 0 when it is of a newer one.
-- Repeating it changes nothing.
local meta = KEYS[6]
local generation = tonumber(ARGV[1])
local held_generation = tonumber(redis.call('HGET', meta, 'generation') or -1)
if held_generation > generation then return 0 end
if held_generation == generation then return 1 end
redis.call('UNLINK', unpack(KEYS))
-- Counting starts at the microsecond, so that a queue whose meta alone was lost does not hand
-- out the fences of leases that are still around.
redis.call('HSET', meta, 'generation', generation, 'counter', redis.call('TIME')[2])
return 1
