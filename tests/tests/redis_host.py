"""What the host in Python keeps from going wrong, beyond what it checks itself.

    python3 redis_host.py HOST_PY LIBRARY ADDRESS
"""

import asyncio
import gc
import importlib.util
import sys

spec = importlib.util.spec_from_file_location("host", sys.argv[1])
host = importlib.util.module_from_spec(spec)
spec.loader.exec_module(host)


async def main(library, address):
    redis = host.Redis(library, address)

    # A call that fails leaves nothing behind.
    for word in (1.5, None, True, ["SET"], object()):
        await host.fails(redis.command("GET", word), TypeError, "bytes, str or int")
    for timeout in (-1, float("nan"), float("inf"), 1e300, 10**30, "1", host.LONGEST + 1):
        await host.fails(redis.command("PING", timeout=timeout), ValueError, "seconds")
    await host.fails(redis.command("GET", "\ud800"), UnicodeEncodeError)
    await host.fails(redis.command(), host.RedisError, "cannot be started")
    assert not redis.waiting
    assert await redis.command("ECHO", -12, timeout=host.LONGEST) == b"-12"
    assert await redis.command("ECHO", "\u00e9", timeout=5.5) == b"\xc3\xa9"
    await host.fails(redis.command("PING", timeout=0), asyncio.TimeoutError)

    # The callback of what is cancelled comes without another command.
    task = asyncio.ensure_future(redis.command("BLPOP", "none", 0))
    await asyncio.sleep(0.01)
    task.cancel()
    await host.fails(task, asyncio.CancelledError)
    await asyncio.sleep(0.05)
    assert not redis.waiting

    # Closed with something under way, and with something cancelled that has not
    # been called back.
    tasks = [asyncio.ensure_future(redis.command("PING")) for _ in range(3)]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    redis.close()
    await host.fails(tasks[0], asyncio.CancelledError)
    for task in tasks[1:]:
        await host.fails(task, host.RedisError, "cancel")
    redis.close()
    assert not redis.waiting
    await host.fails(redis.command("PING"), host.RedisError, "closed")
    await asyncio.sleep(0.05)

    for wrong, kind in (("localhost:port", host.RedisError), (None, AttributeError)):
        try:
            host.Redis(library, wrong)
        except kind:
            pass
        else:
            raise AssertionError(wrong)


async def forgotten(library, address):
    redis = host.Redis(library, address)
    task = asyncio.ensure_future(redis.command("BLPOP", "none", 0))
    await asyncio.sleep(0.01)
    return redis, task


asyncio.run(main(*sys.argv[2:]))
# Closed when its loop is.
left, _ = asyncio.run(forgotten(*sys.argv[2:]))
left.close()
left.close()
del left
gc.collect()
