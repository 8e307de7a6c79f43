-- Raises the generation that the service carries; a smaller one is ignored.
--
-- KEYS  the registry's generation
-- ARGV  1: the generation
-- Gives the generation that is carried now. Repeating it changes nothing.
local held = tonumber(redis.call('GET', KEYS[1]) or -1)
if held >= tonumber(ARGV[1]) then return held end
redis.call('SET', KEYS[1], ARGV[1])
return tonumber(ARGV[1])
