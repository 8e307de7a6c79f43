-- Gives jobs back, each only if the lease is the one that holds it: to the front, the first one
-- foremost, or delayed. They stay flagged as recovered; that one was reaped has been told once, at
-- the claim. One that was taken up again after a loss, and of which the lane and the priority were
-- never told, is forgotten: the sweep pushes it again.
--
-- ARGV  3..: pairs of id and fence (24 bytes), and due in Unix ms or empty for the front; at most
--       500 pairs
-- Gives {0, how many were held, sources that have work again}. Repeating it changes nothing.
local ids, fences, jobs = {}, {}, {}
for i = 3, #ARGV, 2 do
  ids[#ids + 1] = string.sub(ARGV[i], 1, 16)
  fences[#fences + 1] = string.sub(ARGV[i], 17, 24)
end
end_leases(ids, fences, function(id, name, flags, i)
  jobs[#jobs + 1] = { id = id, name = name, flags = flags, due = ARGV[2 + 2 * i] }
end)

local function give_back(job)
  local id, name = job.id, job.name
  if has(job.flags, ADOPTED) then
    redis.call('SREM', key('k', name), id)
    return blind(name, id, now + 10000)
  end
  local flags = job.flags - (has(job.flags, REAPED) and REAPED or 0)
  if step_back(name, id, flags, tonumber(job.due) or 0) then return end
  if job.due == '' then
    redis.call('LPUSH', list_of(name, flags), entry_of(id, flags))
    return enter(name)
  end
  local due = tonumber(job.due)
  local record = has(flags, LANED) and record_of(name, id)
  if record then
    record.flags, record.due = flags, due
    write_record(name, id, record)
  end
  redis.call('ZADD', key('d', name), due, entry_of(id, flags))
  redis.call('ZADD', DUE, 'LT', due, name)
  tell_caller(source_of(name))
  if record and record.at_most > 0 then leave_lane(name, id, record) end
end

for i = #jobs, 1, -1 do give_back(jobs[i]) end
for _, name in ipairs(ended.queues) do
  reenter(name)
  tidy(name)
end
return { 0, #ended.ids, fresh }
