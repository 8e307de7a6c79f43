-- How many jobs are where.
--
-- Gives {0, ready, delayed, running}. Reads only.
return {
  0,
  redis.call('LLEN', ready),
  redis.call('ZCARD', delayed),
  redis.call('ZCARD', running),
}
