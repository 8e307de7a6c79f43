-- Keeps a view, unless one of a later term, or a later one of the same term, is there. Answers
-- whether it is kept.
-- KEYS view   ARGV term, number, JSON
local held = redis.call('HMGET', KEYS[1], 'term', 'number')
local term, number = tonumber(held[1]) or 0, tonumber(held[2]) or 0
local new_term, new_number = tonumber(ARGV[1]), tonumber(ARGV[2])
if new_term < term or (new_term == term and new_number < number) then return 0 end
redis.call('HSET', KEYS[1], 'term', ARGV[1], 'number', ARGV[2], 'view', ARGV[3])
return 1
