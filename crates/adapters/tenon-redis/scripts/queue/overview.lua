-- What queues of the shard hold.
--
-- ARGV  3: from which place in the list of queues   4: how many (<= 500)
-- Gives {0, how many stood there, for each that holds anything: {name, ready, delayed, held,
-- running, 1 when dedicated, 1 when paused, the entry that is next or nil}}. Takes those that hold
-- nothing off the list, so places may move.
local from = tonumber(ARGV[3])
local names = redis.call('ZRANGE', QUEUES, from, from + tonumber(ARGV[4]) - 1)
local found = {}
for _, name in ipairs(names) do
  local ready = ready_count(name)
  local delayed = redis.call('ZCARD', key('d', name))
  local held, running = redis.call('ZCARD', key('w', name)), running_of(name)
  if ready + delayed + held + running == 0 then
    redis.call('ZREM', QUEUES, name)
  else
    local entry = false
    for _, part in ipairs({ 'h', 'x', 'r', 'l' }) do
      entry = entry or (ready > 0 and redis.call('LINDEX', key(part, name), 0))
    end
    local terms = terms_of(name)
    local is_dedicated = terms and terms.is_dedicated and 1 or 0
    local is_paused = terms and terms.is_paused and 1 or 0
    found[#found + 1] = { name, ready, delayed, held, running, is_dedicated, is_paused, entry }
  end
end
return { 0, #names, found }
