-- Makes a shard that is new, was forgotten, lost a key or is of an older generation an empty one of
-- this generation. What waited is dropped: the sweep pushes it again. Queues keep their terms.
-- Where a key was lost, workers of this generation may take their leases up again.
--
-- KEYS  1: the shard's tag (prelude.lua does not stand before this script)
-- ARGV  1: the generation
-- Gives 1 when the shard is of this generation now, 0 when it is of a newer one, and 2 when it is
-- to be called again: it drops at most 500 queues at a time, and meanwhile the shard has no
-- generation. Repeating it changes nothing.
local KEYSTONE = string.rep('.', 72)
local tag, generation = KEYS[1], tonumber(ARGV[1])
local function of(part) return tag .. ':' .. part end
local meta = of('meta')

local held = tonumber(redis.call('HGET', meta, 'generation') or -1)
if held > generation then return 0 end
local is_whole = redis.call('ZSCORE', of('running'), KEYSTONE)
  and redis.call('HEXISTS', of('owners'), KEYSTONE) == 1
if held == generation and is_whole then return 1 end
if held >= 0 then
  redis.call('HDEL', meta, 'generation')
  redis.call('HSET', meta, 'former', held)
end

local names = redis.call('ZRANGE', of('queues'), 0, 499)
for _, name in ipairs(names) do
  for _, part in ipairs({ 'r', 'h', 'l', 'x', 'd', 'w', 'o', 'k', 'b', 't' }) do
    redis.call('UNLINK', of(part) .. ':' .. name)
  end
end
if #names > 0 then redis.call('ZREM', of('queues'), unpack(names)) end
if redis.call('EXISTS', of('queues')) == 1 then return 2 end

local former = tonumber(redis.call('HGET', meta, 'former') or -1)
local counter = redis.call('HGET', meta, 'counter')
for _, part in ipairs({ 'meta', 'running', 'owners', 'turns', 'left', 'paced', 'due' }) do
  redis.call('UNLINK', of(part))
end
local time = redis.call('TIME')
if former == generation and counter then
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', meta, 'counter', counter, 'forgot', counter, 'grace', now + 1500)
else
  -- Counting starts at the microsecond, so that a shard whose `meta` alone was lost does not hand
  -- out the fences of leases that are still around.
  redis.call('HSET', meta, 'counter', time[2])
end
redis.call('HSET', meta, 'generation', generation, KEYSTONE, '')
redis.call('ZADD', of('running'), '+inf', KEYSTONE)
redis.call('HSET', of('owners'), KEYSTONE, '')
redis.call('ZADD', of('turns'), '+inf', KEYSTONE)
return 1
