-- Gives a lease back, if the owner holds it. Answers whether it did.
-- KEYS lease   ARGV owner
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
