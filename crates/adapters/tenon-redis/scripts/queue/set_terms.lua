-- Sets how queues are served, and puts them where they belong by it.
--
-- ARGV  3..: pairs of a name and its terms, at most 500: weight, jobs that may run (or -), starts a
--       second (or -), and 1 if dedicated plus 2 if paused; empty for the usual terms
-- Gives {0, sources that have work again}. Repeating it changes nothing.
for i = 3, #ARGV, 2 do
  local name, text = ARGV[i], ARGV[i + 1]
  if text == '' then
    redis.call('HDEL', TERMS, name)
  else
    redis.call('HSET', TERMS, name, text)
  end
end
has_terms = redis.call('EXISTS', TERMS) == 1
for i = 3, #ARGV, 2 do
  local name = ARGV[i]
  local terms = terms_of(name)
  if not terms or not terms.rate then redis.call('ZREM', PACED, name) end
  if ready_count(name) > 0 then
    local is_out = terms and (terms.is_paused or terms.is_dedicated
      or (terms.running_max and running_of(name) >= terms.running_max))
    if is_out then
      local time = redis.call('ZSCORE', TURNS, name)
      if time then
        redis.call('ZREM', TURNS, name)
        redis.call('ZADD', LEFT, time, name)
      end
    end
    enter(name)
  end
end
return { 0, fresh }
