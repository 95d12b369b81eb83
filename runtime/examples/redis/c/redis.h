/* A client of Redis for hosts with an event loop of their own.
 *
 * There is no thread in here. Wait for redis_context_fd() to become readable, at
 * most redis_context_timeout() milliseconds, and call redis_context_poll(). Ask for
 * the timeout again after each poll, and after each request that you start.
 *
 * Callbacks come from redis_context_poll() and from no other function, on the thread
 * that polls. A callback may call everything in here: it may start and cancel requests,
 * close its connection, poll (other callbacks then come inside of that), and free the
 * context, of which nothing may be used after that. It returns as functions in C do: no
 * exceptions, no longjmp.
 *
 * One thread at a time polls a context, asks for its timeout, and frees it. The rest
 * may be called from any thread, and requests may be started and cancelled on several
 * at once; what is closed or freed nobody may be using. The polling thread is woken.
 *
 * Pointers, callbacks among them, are not NULL unless it says so. Nothing in here may be
 * called in a child after fork. */
#ifndef REDIS_H
#define REDIS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct redis_context redis_context;
typedef struct redis_connection redis_connection;
typedef struct redis_cancel redis_cancel;

enum {
    REDIS_OK = 0,
    REDIS_NIL = 1,        /* there is no such key */
    REDIS_CANCELLED = -1, /* by redis_cancel_emit or redis_close */
    REDIS_TIMED_OUT = -2, /* after timeout_ms, or after as long as the system connects */
    REDIS_REFUSED = -3,   /* by the server; data says why */
    REDIS_FAILED = -4,    /* the connection, or no such request can be made; data says how */
    REDIS_SEVERAL = -5    /* carried out, but the reply is an array or a map: no one value */
};

/* What a request has brought; valid until the callback returns. */
typedef struct redis_result {
    int status;
    const char *data; /* text, or a number with a fraction as text; no zero ends it.
                       * NULL for an integer, a truth value, and nil */
    size_t len;
    int64_t integer;  /* an integer; 1 or 0 for a truth value */
} redis_result;

typedef void (*redis_callback)(void *user_data, const redis_result *result);

/* What requests are made of: one block for each, and no more than that, comes from here.
 * May be called from any thread that uses the context, and calls nothing of this header.
 * Where allocate returns NULL the request is not started. */
typedef struct redis_allocator {
    void *(*allocate)(void *user_data, size_t size, size_t align);
    void (*release)(void *user_data, void *block, size_t size, size_t align);
    void *user_data;
} redis_allocator;

/* The allocator is copied; NULL means malloc's memory. Returns NULL where the system
 * has no descriptor left. */
redis_context *redis_context_new(const redis_allocator *allocator);
int redis_context_fd(const redis_context *); /* the same always; not to be closed */
int redis_context_timeout(const redis_context *); /* in milliseconds; -1: for ever */
size_t redis_context_poll(redis_context *); /* does not wait; 0: nothing was to be done */

/* Or NULL. Requests that are under way never get their callback: what their user_data
 * points to is yours to free. Connections may be closed before or after. */
void redis_context_free(redis_context *);

/* "host:port", "/path/of/socket", or a URL: "redis://user:password@host:port/database"
 * or "unix:///path/of/socket?user=..&pass=..&db=..". In URLs %XX stands for what is
 * special there: the password a/b is written a%2Fb. Add ?protocol=resp3 to speak that.
 *
 * Connects when there is something to send, and again after a failure. A name is looked
 * up here, which blocks: give an IP address if that must not be. Returns NULL for what
 * is no address; why, which may be NULL, has room for size bytes and then holds a text,
 * which a zero ends. */
redis_connection *redis_open(const redis_context *, const char *address, char *why,
                             size_t size);

/* Or NULL. Cancels what is under way: the callbacks come from the next poll. */
void redis_close(redis_connection *);

/* A request. timeout_ms is -1 for no limit; cancel may be NULL. Returns REDIS_OK, and
 * the callback comes once; or REDIS_FAILED, and it does not come: there is no memory,
 * the key is not in UTF-8, or there are no arguments. What is passed in is copied; an
 * argument of length 0 may be NULL. Any number may be under way, and are carried out in
 * the order in which they were started.
 *
 * Who is cancelled or has run out of time no longer waits: the server carries the
 * command out all the same. If that blocks, as BLPOP does, later requests of this
 * connection wait until the server has answered: give it a limit of its own, or a
 * connection of its own, which you close. */
int redis_get(redis_connection *, const char *key, int timeout_ms,
              redis_callback callback, void *user_data, redis_cancel *cancel);
int redis_command(redis_connection *, size_t count, const char *const *arguments,
                  const size_t *lengths, int timeout_ms,
                  redis_callback callback, void *user_data, redis_cancel *cancel);

/* Messages of channels cannot be received by this library. */

/* Cancels the request that was started with it last, while that is under way: before and
 * after, emit does nothing. To start a second request with it is to forget the first. May
 * be freed at any time, which cancels nothing. */
redis_cancel *redis_cancel_new(void);
void redis_cancel_emit(const redis_cancel *);
void redis_cancel_free(redis_cancel *); /* or NULL */

#ifdef __cplusplus
}
#endif

#endif
