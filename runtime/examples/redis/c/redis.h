/* A client of Redis for hosts with an event loop of their own.
 *
 * There is no thread in here. Wait for redis_context_fd() to become readable, at
 * most redis_context_timeout() milliseconds, and call redis_context_poll(): that is
 * where callbacks come, on your thread. Ask for the timeout again after each poll,
 * and after each request that you start. */
#ifndef REDIS_H
#define REDIS_H

#include <stddef.h>
#include <stdint.h>

typedef struct redis_context redis_context;
typedef struct redis_connection redis_connection;
typedef struct redis_cancel redis_cancel;

enum {
    REDIS_OK = 0,
    REDIS_NIL = 1,        /* there is no such key */
    REDIS_CANCELLED = -1,
    REDIS_TIMED_OUT = -2,
    REDIS_REFUSED = -3,   /* by the server; data says why */
    REDIS_FAILED = -4     /* the connection, or the reply is no single value; data says how */
};

/* Valid until the callback returns. */
typedef struct redis_result {
    int status;
    const char *data; /* not terminated by a zero; NULL for an integer, and for nil */
    size_t len;
    int64_t integer;
} redis_result;

typedef void (*redis_callback)(void *user_data, const redis_result *result);

/* All memory of requests comes from here. May be called from any thread that uses
 * the context. Where allocate returns NULL the request is not started. */
typedef struct redis_allocator {
    void *(*allocate)(void *user_data, size_t size, size_t align);
    void (*release)(void *user_data, void *block, size_t size, size_t align);
    void *user_data;
} redis_allocator;

redis_context *redis_context_new(const redis_allocator *allocator); /* or NULL */
int redis_context_fd(const redis_context *);
int redis_context_timeout(const redis_context *); /* -1: for ever */
size_t redis_context_poll(const redis_context *);
void redis_context_free(redis_context *); /* after its connections */

/* "host:port", "/path/of/socket", or a URL: "redis://user:password@host:port/database"
 * or "unix:///path/of/socket?user=..&pass=..&db=..". Connects when there is something
 * to send, and again after a failure. A name is looked up here, which blocks: give an
 * IP address if that must not be. Returns NULL for what is no address; why, which may
 * be NULL, then holds a text, which a zero ends. */
redis_connection *redis_open(const redis_context *, const char *address, char *why,
                             size_t size);
void redis_close(redis_connection *); /* cancels what is under way: poll once more */

/* A request: timeout_ms is -1 for none, cancel may be NULL. Returns REDIS_OK, and
 * the callback comes once; or REDIS_FAILED, and it does not come: there is no memory,
 * the key is not in UTF-8, or there are no arguments. Any number may be under way. */
int redis_get(redis_connection *, const char *key, int timeout_ms,
              redis_callback callback, void *user_data, redis_cancel *cancel);
int redis_command(redis_connection *, size_t count, const char *const *arguments,
                  const size_t *lengths, int timeout_ms,
                  redis_callback callback, void *user_data, redis_cancel *cancel);

/* Cancels the request that was started with it last. */
redis_cancel *redis_cancel_new(void);
void redis_cancel_emit(const redis_cancel *);
void redis_cancel_free(redis_cancel *);

#endif
