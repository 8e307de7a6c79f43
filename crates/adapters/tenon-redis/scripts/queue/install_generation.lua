-- Raises the generation that the service carries; a smaller one is ignored.
--
-- KEYS  the registry's generation
-- ARGV  1: the generation   2: the number of shards
-- Gives {the generation carried now, the number of shards before, or 0}. Repeating it changes
-- nothing.
local held, shards = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%d+)$')
held, shards = tonumber(held or -1), tonumber(shards or 0)
if held > tonumber(ARGV[1]) then return { held, shards } end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2])
return { tonumber(ARGV[1]), shards }
