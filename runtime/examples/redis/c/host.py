"""A host in Python: asyncio drives the library by its one descriptor.

    python3 host.py LIBRARY ADDRESS

LIBRARY is what `cargo build --release --example redis_c` makes in the project's folder,
target/release/examples/libredis_c.so (.dylib on macOS). ADDRESS is HOST:PORT, or the path
of a socket, or a URL.
"""

import asyncio
import contextlib
import ctypes
import functools
import math
import sys
import threading


# Of all keys in here: a server that others use may be theirs, too.
PREFIX = "async-op:example:py:"

# In seconds, of each command in here: a server that is silent ends it.
LIMIT = 5

# What the library's limits, in milliseconds, fit into.
LONGEST = (2**31 - 1) // 1000

# As in redis.h.
OK, NIL, TIMED_OUT = 0, 1, -2


class Result(ctypes.Structure):
    _fields_ = [
        ("status", ctypes.c_int),
        ("data", ctypes.POINTER(ctypes.c_char)),
        ("len", ctypes.c_size_t),
        ("integer", ctypes.c_int64),
    ]


Callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(Result))

POINTER, SIZE, INT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int

FUNCTIONS = {
    "context_new": (POINTER, [POINTER]),
    "context_fd": (INT, [POINTER]),
    "context_timeout": (INT, [POINTER]),
    "context_poll": (SIZE, [POINTER]),
    "context_free": (None, [POINTER]),
    "open": (POINTER, [POINTER, ctypes.c_char_p, ctypes.c_char_p, SIZE]),
    "close": (None, [POINTER]),
    "command": (
        INT,
        [POINTER, SIZE, ctypes.POINTER(ctypes.c_char_p), ctypes.POINTER(SIZE), INT,
         Callback, POINTER, POINTER],
    ),
    "cancel_new": (POINTER, []),
    "cancel_emit": (None, [POINTER]),
    "cancel_free": (None, [POINTER]),
}


class RedisError(Exception):
    pass


def load(path):
    library = ctypes.CDLL(path)
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(library, "redis_" + name)
        function.restype, function.argtypes = result, arguments
    return library


def encoded(word):
    """What goes over the wire."""
    if isinstance(word, bytes):
        return word
    if isinstance(word, str):
        return word.encode()
    if isinstance(word, int) and not isinstance(word, bool):
        return b"%d" % word
    raise TypeError(f"a word of a command is bytes, str or int, not {type(word).__name__}")


def milliseconds(timeout):
    if timeout is None:
        return -1
    if not isinstance(timeout, (int, float)) or not 0 <= timeout <= LONGEST:
        raise ValueError(f"a timeout is a number of seconds from 0 to {LONGEST}, not {timeout!r}")
    return math.ceil(timeout * 1000)


class Redis:
    """A connection, in the running event loop; to be used on its thread."""

    def __init__(self, library, address):
        self.context = self.connection = self.timer = None
        self.waiting = {}
        self.number = 0
        # Kept: C holds the pointer.
        self.callback = Callback(self.completed)
        self.lib = load(library)
        self.loop = asyncio.get_running_loop()
        self.context = self.lib.redis_context_new(None)
        if not self.context:
            raise RedisError("there is no descriptor left")
        try:
            why = ctypes.create_string_buffer(200)
            address = address.encode()
            self.connection = self.lib.redis_open(self.context, address, why, len(why))
            if not self.connection:
                raise RedisError(why.value.decode())
            self.fd = self.lib.redis_context_fd(self.context)
            self.loop.add_reader(self.fd, self.poll)
        except BaseException:
            self.free()
            raise

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
        future = self.waiting.pop(number)
        result = result.contents
        data = ctypes.string_at(result.data, result.len) if result.data else None
        if future.done() or self.loop.is_closed():
            return  # cancelled, or nobody is left who waits
        if result.status == OK:
            future.set_result(result.integer if data is None else data)
        elif result.status == NIL:
            future.set_result(None)
        elif result.status == TIMED_OUT:
            future.set_exception(asyncio.TimeoutError())
        else:
            future.set_exception(RedisError((data or b"").decode(errors="replace")))

    async def command(self, *words, timeout=None):
        """Sends a command; returns bytes, an int, or None."""
        if not self.connection:
            raise RedisError("the connection is closed")
        words = [encoded(word) for word in words]
        limit = milliseconds(timeout)
        arguments = (ctypes.c_char_p * len(words))(*words)
        lengths = (ctypes.c_size_t * len(words))(*map(len, words))
        self.number += 1
        number = self.number
        cancel = self.lib.redis_cancel_new()
        try:
            status = self.lib.redis_command(
                self.connection, len(words), arguments, lengths, limit,
                self.callback, number, cancel,
            )
            if status < 0:
                raise RedisError("the request cannot be started")
            # In time: the callback comes from a poll.
            future = self.waiting[number] = self.loop.create_future()
            self.set_timer()
            return await future
        except asyncio.CancelledError:
            self.lib.redis_cancel_emit(cancel)
            raise
        finally:
            self.lib.redis_cancel_free(cancel)

    def close(self):
        """Cancels what is under way. To close it again does nothing."""
        if not self.context:
            return
        try:
            if self.timer:
                self.timer.cancel()
            if not self.loop.is_closed():
                self.loop.remove_reader(self.fd)
        finally:
            self.free()

    def free(self):
        connection, self.connection = self.connection, None
        context, self.context = self.context, None
        self.lib.redis_close(connection)
        # The callbacks of what has been cancelled.
        self.lib.redis_context_poll(context)
        self.lib.redis_context_free(context)


async def fails(command, kind, text=""):
    """Sees to it that a command fails, and how."""
    try:
        reply = await command
    except kind as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"{kind.__name__} expected, not {reply}")


async def main(library, address):
    with contextlib.closing(Redis(library, address)) as redis:
        ask = functools.partial(redis.command, timeout=LIMIT)
        assert await ask("SET", PREFIX + "key", "value") == b"OK"
        assert await ask("GET", PREFIX + "key") == b"value"
        assert await ask("GET", PREFIX + "none") is None
        # Words are text, numbers, or any bytes.
        await ask("SET", PREFIX + "empty", "")
        assert await ask("GET", PREFIX + "empty") == b""
        await ask("SET", PREFIX + "bytes", b"\xff\0\r\n")
        assert await ask("GET", PREFIX + "bytes") == b"\xff\0\r\n"
        await fails(ask("LRANGE", PREFIX + "none", 0, -1), RedisError, "several parts")
        await ask("DEL", PREFIX + "n")
        numbers = await asyncio.gather(*(ask("INCR", PREFIX + "n") for _ in range(500)))
        assert numbers == list(range(1, 501)), numbers
        await fails(ask("INCR", PREFIX + "key"), RedisError, "not an integer")
        # Nobody pushes: one runs out of time, and one is cancelled.
        late = redis.command("BLPOP", PREFIX + "list", "0.1", timeout=0.02)
        await fails(late, asyncio.TimeoutError)
        task = asyncio.ensure_future(ask("BLPOP", PREFIX + "list", "0.1"))
        await asyncio.sleep(0.01)
        task.cancel()
        await fails(task, asyncio.CancelledError)
        # In order still, on the same connection.
        assert await ask("INCR", PREFIX + "n") == 501
        assert threading.active_count() == 1
        await ask("DEL", *(PREFIX + name for name in ("key", "empty", "bytes", "n")))
    assert not redis.waiting
    print("501 increments by asyncio, on one thread")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except asyncio.TimeoutError:
        sys.exit("the server does not answer")
    except (RedisError, OSError) as error:  # OSError: there is no such library
        # Not the address: there may be a password in it.
        sys.exit(str(error))
