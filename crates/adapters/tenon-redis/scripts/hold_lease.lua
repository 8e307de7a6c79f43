-- Takes a lease, or extends that of the same owner. Answers whether the owner holds it.
-- KEYS lease   ARGV owner, ttl ms
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
