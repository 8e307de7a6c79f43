-- Makes due delayed jobs ready (at most 500), then leases ready ones, all under one new fence.
--
-- ARGV  2: at most so many jobs (<= 500)   3: lease in ms
-- Gives {0, counter of the fence, entries, due ms of the next delayed job or nil}, and {-2} when
-- the counter is used up: only a new generation gives more fences.
-- Repeating it leases other jobs; those of a lost reply come back when their lease lapses.
local now = now_ms()
local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 500)
if #due > 0 then
  redis.call('RPUSH', ready, unpack(due))
  redis.call('ZREM', delayed, unpack(due))
end

local counter = tonumber(redis.call('HGET', meta, 'counter'))
if counter >= 4294967295 then return { -2 } end
local max, ttl_ms = tonumber(ARGV[2]), tonumber(ARGV[3])
local entries = {}
local popped = max > 0 and redis.call('LPOP', ready, max) or {}
if #popped > 0 then
  counter = counter + 1
  redis.call('HSET', meta, 'counter', counter)
  local fence = struct.pack('>I4I4', generation, counter)
  for _, entry in ipairs(popped) do
    local id = string.sub(entry, 2)
    -- Only when a key of the queue was lost can a ready job be leased already, or be unknown.
    -- It is then dropped here; the sweep pushes it again if it is still open.
    if redis.call('SISMEMBER', known, id) == 1 and not redis.call('ZSCORE', running, id) then
      redis.call('ZADD', running, now + ttl_ms, id)
      redis.call('HSET', owners, id, fence .. string.sub(entry, 1, 1))
      entries[#entries + 1] = entry
    end
  end
end

local next = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
return { 0, counter, entries, next[2] or false }
