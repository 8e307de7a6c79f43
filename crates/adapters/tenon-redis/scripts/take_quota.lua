-- Takes from all buckets of one connector, or from none. A bucket's window slides in steps of a
-- tenth: calls count until the tenth that they fell into has left the window, so that no window
-- of that length ever holds more than the limit.
--
-- KEYS  two for each bucket: its counter, its block
-- ARGV  three for each bucket: limit (-1: none is known), window in ms, cost
-- Gives 0 when it was taken, else the ms after which there may be room in all of them.
-- Repeating it takes again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wait = 0
local function wait_until(moment) wait = math.max(wait, moment - now, 1) end

for i = 1, #KEYS / 2 do
  local blocked = tonumber(redis.call('GET', KEYS[2 * i]) or '0')
  if blocked > now then wait_until(blocked) end
  local limit, window = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
  local cost = math.min(tonumber(ARGV[3 * i]), limit)
  if limit >= 0 then
    local width = math.ceil(window / 10)
    local first = math.floor((now - window) / width)
    local slots, sum, old = {}, 0, {}
    local held = redis.call('HGETALL', KEYS[2 * i - 1])
    for at = 1, #held, 2 do
      local slot, count = tonumber(held[at]), tonumber(held[at + 1])
      if slot >= first then
        sum = sum + count
        slots[#slots + 1] = { slot, count }
      else
        old[#old + 1] = held[at]
      end
    end
    if #old > 0 then redis.call('HDEL', KEYS[2 * i - 1], unpack(old)) end
    local over = limit == 0 and 1 or sum + cost - limit
    table.sort(slots, function(a, b) return a[1] < b[1] end)
    for _, slot in ipairs(slots) do
      if over <= 0 then break end
      over = over - slot[2]
      if over <= 0 then wait_until((slot[1] + 1) * width + window) end
    end
    -- Only a limit of nothing is left over: there is never room.
    if over > 0 then wait_until(now + window) end
  end
end
if wait > 0 then return wait end

for i = 1, #KEYS / 2 do
  local limit, window = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
  if limit >= 0 then
    local width = math.ceil(window / 10)
    local slot = string.format('%.0f', math.floor(now / width))
    redis.call('HINCRBY', KEYS[2 * i - 1], slot, math.min(tonumber(ARGV[3 * i]), limit))
    redis.call('PEXPIRE', KEYS[2 * i - 1], window + 2 * width)
  end
end
return 0
