-- Keeps a shared value for a while, unless one of a later version is there.
--
-- KEYS  the value
-- ARGV  1: version   2: how long, in ms   3: the entry
-- Gives 1 when it was kept. Repeating it keeps the same.
local held = redis.call('HGET', KEYS[1], 'version')
if held and tonumber(held) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'value', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
