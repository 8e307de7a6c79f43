-- Removes finished jobs, each only if the lease is the one that holds it.
--
-- ARGV  3..: id and fence (24 bytes), at most 500
-- Gives {0, how many were removed, sources that have work again}. Repeating it removes nothing more.
local ids, fences, special = {}, {}, {}
for i = 3, #ARGV do
  ids[#ids + 1] = string.sub(ARGV[i], 1, 16)
  fences[#fences + 1] = string.sub(ARGV[i], 17, 24)
end
end_leases(ids, fences, function(id, name, flags)
  if has(flags, LANED) or has(flags, ADOPTED) then special[#special + 1] = { id, name, flags } end
end)
for _, name in ipairs(ended.queues) do
  redis.call('SREM', key('k', name), unpack(ended.by_queue[name]))
end
for _, job in ipairs(special) do
  if has(job[3], LANED) then end_lane(job[2], job[1]) end
  if has(job[3], ADOPTED) then unblind(job[2], { job[1] }) end
end
for _, name in ipairs(ended.queues) do
  reenter(name)
  tidy(name)
end
return { 0, #ended.ids, fresh }
