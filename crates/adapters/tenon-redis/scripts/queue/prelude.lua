-- Stands before every script of a shard: names the keys and checks the generation.
--
-- KEYS  1: the shard's tag, such as `{q3}`. No key is named so; all keys are made from it, and share
--          its slot. They are listed in keys.rs.
-- ARGV  1: the generation the caller believes in   2: the caller's 16 bytes: it knows its own news
--          by them, and what it holds is noted for them
-- Gives {-1} when the shard is new, was forgotten or is of an older generation, {-2} when it is of
-- a newer one, and {-3} when one of its keys was lost; nothing has been changed then. Else the
-- script's own answer starts with 0.
--
-- A job that waits is an entry: the 16 bytes of its id, then a byte of flags if any is set. An
-- owner is 8 bytes of fence (generation, counter), a byte of flags, 16 bytes of who holds it, and the
-- name of the queue.
local RECOVERED, REAPED, LANED, ADOPTED, HIGH, LOW = 1, 2, 4, 8, 16, 32
-- Of owners only: who holds it stands in it. Of records of lanes only: it is ready, but lost its turn.
local NAMED, DISPLACED = 64, 128

-- Some keys hold this member as long as the shard exists. It says that the key was not lost, and
-- being long it makes Redis use its table for the key, not its list, however small the key is.
local KEYSTONE = string.rep('.', 72)

local tag = KEYS[1]
local META, RUNNING, OWNERS = tag .. ':meta', tag .. ':running', tag .. ':owners'
local TURNS, LEFT, PACED, DUE = tag .. ':turns', tag .. ':left', tag .. ':paced', tag .. ':due'
local TERMS, QUEUES = tag .. ':terms', tag .. ':queues'
local generation = tonumber(ARGV[1])
local meta = redis.call('HMGET', META, 'generation', 'counter', 'turn', 'forgot', 'grace')
local held_generation = tonumber(meta[1] or -1)
if held_generation < generation then return { -1 } end
if held_generation > generation then return { -2 } end

-- All time is this server's: callers' clocks may differ.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function key(part, name) return tag .. ':' .. part .. ':' .. name end
local function has(flags, flag) return flags % (2 * flag) >= flag end
local function flags_of(entry) return string.byte(entry, 17) or 0 end
local function entry_of(id, flags) return flags == 0 and id or id .. string.char(flags) end

local function owner_of(fence, flags, name)
  return fence .. string.char(flags + NAMED) .. ARGV[2] .. name
end

-- Flags, queue, and who holds it; owners from before that was noted do not say it.
local function read_owner(owner)
  local flags = string.byte(owner, 9)
  if not has(flags, NAMED) then return flags, string.sub(owner, 10), '' end
  return flags - NAMED, string.sub(owner, 26), string.sub(owner, 10, 25)
end

local function is_whole()
  return redis.call('ZSCORE', RUNNING, KEYSTONE) and redis.call('HEXISTS', OWNERS, KEYSTONE) == 1
end

-- Counts what a queue has of a kind; nothing is kept for none.
local function count(kind, name, by)
  local total = redis.call('HINCRBY', META, kind .. name, by)
  if total == 0 then redis.call('HDEL', META, kind .. name) end
  return total
end

local function running_of(name) return tonumber(redis.call('HGET', META, 'r' .. name) or 0) end

-- Takes a queue that holds nothing off the list.
local function tidy(name)
  if redis.call('EXISTS', key('k', name)) == 0 then redis.call('ZREM', QUEUES, name) end
end
