/* A client of PostgreSQL for hosts with an event loop of their own.
 *
 * There is no thread in here. Wait for postgres_context_fd() to become readable, at most
 * postgres_context_timeout() milliseconds, and call postgres_context_poll(). Ask for the
 * timeout again after each poll, and after each request that you start.
 *
 * Callbacks come from postgres_context_poll() and from no other function, on the thread that
 * polls. A callback may call everything in here: it may start and cancel requests, close its
 * client, poll (other callbacks then come inside of that), and free the context, of which
 * nothing may be used after that. It returns as functions in C do: no exceptions, no longjmp.
 *
 * One thread at a time polls a context, asks for its timeout, and frees it. The rest may be
 * called from any thread, and requests may be started and cancelled on several at once; what
 * is closed or freed nobody may be using. The polling thread is woken.
 *
 * Pointers, callbacks among them, are not NULL unless it says so. Nothing in here may be
 * called in a child after fork. */
#ifndef POSTGRES_H
#define POSTGRES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct postgres_context postgres_context;
typedef struct postgres_client postgres_client;
typedef struct postgres_statement postgres_statement;
typedef struct postgres_rows postgres_rows;
typedef struct postgres_cancel postgres_cancel;

enum {
    POSTGRES_OK = 0,
    POSTGRES_CANCELLED = -1, /* by postgres_cancel_emit or postgres_close */
    POSTGRES_TIMED_OUT = -2, /* after timeout_ms, or after as long as the system connects */
    POSTGRES_REFUSED = -3,   /* by the server: see sqlstate */
    POSTGRES_FAILED = -4     /* the connection, or no such request can be made */
};

/* A value as the server writes it, and reads it for any type. No zero ends it; data is NULL
 * for null, and need not be for a text of no length. */
typedef struct postgres_value {
    const char *data;
    size_t len;
} postgres_value;

/* What a request has brought. All of it is valid until the callback returns, but the
 * statement, which is yours. */
typedef struct postgres_result {
    int status;
    char sqlstate[6];              /* five letters of the server's; else empty */
    const char *message;           /* why it has failed; else NULL */
    uint64_t affected;             /* so many rows are changed, returned, or seen */
    size_t count, columns;         /* of rows */
    postgres_rows *rows;           /* those that postgres_next_row has not read yet */
    postgres_statement *statement; /* of postgres_prepare; else NULL */
} postgres_result;

typedef void (*postgres_callback)(void *user_data, const postgres_result *result);

/* Receives the values of one row, valid until it returns. Returns 0 to have the next one;
 * something else when that is not wanted, as it must where it has freed the context. */
typedef int (*postgres_row_callback)(void *user_data, const postgres_value *values,
                                     size_t columns);

/* What requests are made of comes from here. May be called from any thread that uses the
 * context, and calls nothing of this header. Where allocate returns NULL the request is not
 * started. */
typedef struct postgres_allocator {
    void *(*allocate)(void *user_data, size_t size, size_t align);
    void (*release)(void *user_data, void *block, size_t size, size_t align);
    void *user_data;
} postgres_allocator;

/* The allocator is copied; NULL means malloc's memory. Returns NULL where the system has no
 * descriptor left. */
postgres_context *postgres_context_new(const postgres_allocator *allocator);
int postgres_context_fd(const postgres_context *); /* the same always; not to be closed */
int postgres_context_timeout(const postgres_context *); /* in milliseconds; -1: for ever */
size_t postgres_context_poll(postgres_context *); /* does not wait; 0: nothing was to be done */

/* Or NULL. Requests that are under way never get their callback: what their user_data points
 * to is yours to free. Clients and statements may be closed and freed before or after. */
void postgres_context_free(postgres_context *);

/* "postgres://USER:PASSWORD@HOST:PORT/DATABASE?NAME=VALUE"; "host=/FOLDER" among the latter is
 * that of a Unix socket. %XX stands for what is special in a URL.
 *
 * Connects when there is something to ask, and again after a failure. A name is looked up
 * here, which blocks. Returns NULL for what is no address; why, which may be NULL, has room
 * for size bytes and then holds a text, which a zero ends. */
postgres_client *postgres_open(const postgres_context *, const char *url, char *why,
                               size_t size);

/* Or NULL. Cancels what is under way: the callbacks come from the next poll. */
void postgres_close(postgres_client *);

/* Requests. timeout_ms is -1 for no limit; cancel may be NULL. They return POSTGRES_OK, and
 * the callback comes once; or POSTGRES_FAILED, and it does not come: there is no memory, or a
 * text is not in UTF-8. What is passed in is copied. Any number may be under way, and are
 * carried out in the order in which they were started, each in a transaction of its own unless
 * one has begun.
 *
 * Who is cancelled or has run out of time no longer waits: the server carries the request out
 * all the same, and what comes after it waits. postgres_interrupt asks it not to. */

/* The values are those of $1, $2, .. in the text. */
int postgres_query(postgres_client *, const char *text, size_t count,
                   const postgres_value *values, int timeout_ms, postgres_callback callback,
                   void *user_data, postgres_cancel *cancel);

/* Has the server parse and plan a text, once for many uses, with any client of the context. */
int postgres_prepare(postgres_client *, const char *text, int timeout_ms,
                     postgres_callback callback, void *user_data, postgres_cancel *cancel);
int postgres_execute(postgres_client *, const postgres_statement *, size_t count,
                     const postgres_value *values, int timeout_ms, postgres_callback callback,
                     void *user_data, postgres_cancel *cancel);
void postgres_statement_free(postgres_statement *); /* or NULL; at any time */

/* The same, for rows that are not to be kept: each is shown by itself, as it comes. Then the
 * callback says how many. Both have the same user_data. */
int postgres_each_row(postgres_client *, const postgres_statement *, size_t count,
                      const postgres_value *values, int timeout_ms,
                      postgres_row_callback row, postgres_callback callback, void *user_data,
                      postgres_cancel *cancel);

/* Asks the server, by a connection of its own, to give up what it does for this client: that
 * ends with the SQLSTATE 57014, unless it is over before. */
int postgres_interrupt(postgres_client *, int timeout_ms, postgres_callback callback,
                       void *user_data);

/* Reads the next row of a result, as many values as there are columns. Returns 0, and reads
 * nothing, if there is none. */
int postgres_next_row(postgres_rows *, postgres_value *values);

/* Cancels the request that was started with it last, while that is under way: before and
 * after, emit does nothing. To start a second request with it is to forget the first. May be
 * freed at any time, which cancels nothing. */
postgres_cancel *postgres_cancel_new(void);
void postgres_cancel_emit(const postgres_cancel *);
void postgres_cancel_free(postgres_cancel *); /* or NULL */

#ifdef __cplusplus
}
#endif

#endif
