"""A host in Python: asyncio drives the library by its one descriptor.

    python3 host.py LIBRARY ADDRESS
"""

import asyncio
import ctypes
import sys
import threading


# Of all keys in here: a server that others use may be theirs, too.
PREFIX = "async-op:example:py:"


class Result(ctypes.Structure):
    _fields_ = [
        ("status", ctypes.c_int),
        ("data", ctypes.POINTER(ctypes.c_char)),
        ("len", ctypes.c_size_t),
        ("integer", ctypes.c_int64),
    ]


Callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(Result))


class RedisError(Exception):
    pass


class Redis:
    """A connection, in the running event loop."""

    def __init__(self, library, address):
        self.lib = lib = ctypes.CDLL(library)
        for function in "context_new", "open", "cancel_new":
            getattr(lib, "redis_" + function).restype = ctypes.c_void_p
        self.loop = asyncio.get_running_loop()
        self.context = ctypes.c_void_p(lib.redis_context_new(None))
        why = ctypes.create_string_buffer(200)
        self.connection = ctypes.c_void_p(
            lib.redis_open(self.context, address.encode(), why, ctypes.c_size_t(len(why)))
        )
        if not self.connection:
            raise RedisError(why.value.decode())
        self.waiting = {}
        self.number = 0
        self.timer = None
        # Kept: C holds the pointer.
        self.callback = Callback(self.completed)
        self.fd = lib.redis_context_fd(self.context)
        self.loop.add_reader(self.fd, self.poll)

    def poll(self):
        self.lib.redis_context_poll(self.context)
        self.set_timer()

    def set_timer(self):
        if self.timer:
            self.timer.cancel()
            self.timer = None
        timeout = self.lib.redis_context_timeout(self.context)
        if timeout >= 0:
            self.timer = self.loop.call_later(timeout / 1000, self.poll)

    def completed(self, number, result):
        assert threading.current_thread() is threading.main_thread()
        future = self.waiting.pop(number)
        result = result.contents
        data = ctypes.string_at(result.data, result.len) if result.data else b""
        if future.done():
            return  # cancelled
        if result.status == -2:
            future.set_exception(asyncio.TimeoutError())
        elif result.status < 0:
            future.set_exception(RedisError(data.decode()))
        elif result.status == 1:
            future.set_result(None)
        else:
            future.set_result(data if result.data else result.integer)

    async def command(self, *words, timeout=None):
        words = [str(word).encode() for word in words]
        arguments = (ctypes.c_char_p * len(words))(*words)
        lengths = (ctypes.c_size_t * len(words))(*map(len, words))
        self.number += 1
        number = self.number
        future = self.waiting[number] = self.loop.create_future()
        cancel = ctypes.c_void_p(self.lib.redis_cancel_new())
        limit = -1 if timeout is None else int(timeout * 1000)
        try:
            status = self.lib.redis_command(
                self.connection, ctypes.c_size_t(len(words)), arguments, lengths, limit,
                self.callback, ctypes.c_void_p(number), cancel,
            )
            if status < 0:
                del self.waiting[number]
                raise RedisError("the request cannot be started")
            self.set_timer()
            return await future
        except asyncio.CancelledError:
            self.lib.redis_cancel_emit(cancel)
            raise
        finally:
            self.lib.redis_cancel_free(cancel)

    def close(self):
        self.lib.redis_close(self.connection)
        self.lib.redis_context_poll(self.context)
        assert not self.waiting
        self.loop.remove_reader(self.fd)
        if self.timer:
            self.timer.cancel()
        self.lib.redis_context_free(self.context)


async def main(library, address):
    redis = Redis(library, address)
    assert await redis.command("SET", PREFIX + "key", "value") == b"OK"
    assert await redis.command("GET", PREFIX + "key") == b"value"
    assert await redis.command("GET", PREFIX + "none") is None
    await redis.command("SET", PREFIX + "empty", "")
    assert await redis.command("GET", PREFIX + "empty") == b""
    try:
        await redis.command("LRANGE", PREFIX + "none", "0", "-1")
        raise AssertionError("a list has no place in a result")
    except RedisError as error:
        assert "several parts" in str(error)
    await redis.command("DEL", PREFIX + "n")
    numbers = await asyncio.gather(*(redis.command("INCR", PREFIX + "n") for _ in range(500)))
    assert numbers == list(range(1, 501)), numbers
    try:
        await redis.command("INCR", PREFIX + "key")
        raise AssertionError("a word has been incremented")
    except RedisError as error:
        assert "not an integer" in str(error)
    try:
        await redis.command("BLPOP", PREFIX + "list", "0.1", timeout=0.02)
        raise AssertionError("it was late")
    except asyncio.TimeoutError:
        pass
    task = asyncio.ensure_future(redis.command("BLPOP", PREFIX + "list", "0.1"))
    await asyncio.sleep(0.01)
    task.cancel()
    try:
        await task
        raise AssertionError("it was cancelled")
    except asyncio.CancelledError:
        pass
    # In order still, on the same connection.
    assert await redis.command("INCR", PREFIX + "n") == 501
    assert threading.active_count() == 1
    await redis.command("DEL", *(PREFIX + name for name in ("key", "empty", "n")))
    redis.close()
    print("501 increments by asyncio, on one thread")


if len(sys.argv) != 3:
    sys.exit(__doc__)
try:
    asyncio.run(main(*sys.argv[1:]))
except RedisError as error:
    sys.exit(f"{sys.argv[2]}: {error}")
except OSError as error:  # there is no such library
    sys.exit(str(error))
