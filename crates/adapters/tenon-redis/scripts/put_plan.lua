-- Stores the plan of a project or user, unless a newer revision is there.
--
-- KEYS  the plan
-- ARGV  1: revision   2: the plan
-- Gives 1 when it was stored. Repeating it stores the same.
local held = redis.call('HGET', KEYS[1], 'revision')
if held and tonumber(held) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[1], 'plan', ARGV[2])
return 1
