-- Blocks a bucket. A later moment wins.
--
-- KEYS  the block
-- ARGV  1: for how many ms from now
-- Gives nothing. Repeating it blocks a little longer.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local until_ms = now + tonumber(ARGV[1])
if tonumber(redis.call('GET', KEYS[1]) or '0') < until_ms then
  redis.call('SET', KEYS[1], string.format('%.0f', until_ms), 'PX', ARGV[1])
end
return 0
