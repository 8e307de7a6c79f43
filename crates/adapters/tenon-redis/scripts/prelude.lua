-- Stands before every script of a queue: names the keys and checks the generation.
--
-- KEYS  ready, delayed, running, owners, known, meta (one hash tag, so one slot)
-- ARGV  1: the generation the caller believes in
-- Gives {-1} when the queue is new, was forgotten or is of an older generation, and {-2} when it
-- is of a newer one; nothing has been changed then. Else the script's own answer starts with 0.
--
-- A job in `ready` and `delayed` is an entry: one byte of flags (1 recovered, 2 reaped), then
-- the 16 bytes of its id. An owner is 8 bytes of fence (generation, counter), then the flags.
local ready, delayed, running, owners, known, meta =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local generation = tonumber(ARGV[1])
local held_generation = tonumber(redis.call('HGET', meta, 'generation') or -1)
if held_generation < generation then return { -1 } end
if held_generation > generation then return { -2 } end

-- All time is this server's: callers' clocks may differ.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
