-- Says what a worker uses and wants of a pool of slots, and gives it what it may have.
--
-- KEYS  the pool: a hash of a worker's 16 bytes to five numbers: slots held, until ms; slots wanted
--       beyond, since ms, counting until ms
-- ARGV  1: the worker   2: slots of the pool   3: slots it uses   4: it wants beyond   5: it would keep
--       ready beyond   6: how long that holds, in ms   7: how long its wish counts, in ms
-- Gives {slots it holds, 1 when others wait, 1 when slots are scarce, workers that have a part}.
-- Repeating it changes nothing but the times.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local pool, me = KEYS[1], ARGV[1]
local max, used, wanted, spare = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local ttl, wish_ttl = tonumber(ARGV[6]), tonumber(ARGV[7])

local taken, members, since = 0, 1, now
local wishes, lapsed = {}, {}
local entries = redis.call('HGETALL', pool)
for at = 1, #entries, 2 do
  local held, until_ms, wish, wish_since, wish_until =
    string.match(entries[at + 1], '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  local is_held, is_wished = tonumber(until_ms) > now, tonumber(wish_until) > now
  if entries[at] == me then
    if is_wished then since = tonumber(wish_since) end
  elseif is_held or is_wished then
    members = members + 1
    if is_held then taken = taken + tonumber(held) end
    if is_wished then wishes[#wishes + 1] = { tonumber(wish), tonumber(wish_since) } end
  else
    lapsed[#lapsed + 1] = entries[at]
  end
end
for at = 1, #lapsed, 500 do
  redis.call('HDEL', pool, unpack(lapsed, at, math.min(at + 499, #lapsed)))
end

local first = 0
for _, wish in ipairs(wishes) do
  if wish[2] < since then first = first + wish[1] end
end
local given = math.min(wanted, math.max(max - taken - used - first, 0))
local total = taken + used + given
local is_scarce = total > math.floor(max / 2)
local kept = 0
if #wishes == 0 and not is_scarce then kept = math.min(spare, math.floor(max / 2) - total) end
local held, wish = used + given + kept, wanted - given

if held == 0 and wish == 0 then
  redis.call('HDEL', pool, me)
else
  if given > 0 then since = now end
  local wish_until = wish > 0 and now + wish_ttl or 0
  local text = string.format('%.0f %.0f %.0f %.0f %.0f', held, now + ttl, wish, since, wish_until)
  redis.call('HSET', pool, me, text)
  redis.call('PEXPIRE', pool, math.max(2 * ttl, redis.call('PTTL', pool)))
end
return { held, #wishes > 0 and 1 or 0, is_scarce and 1 or 0, members }
