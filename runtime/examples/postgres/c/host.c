/* A host in C, with an epoll loop of its own. From the project's folder:
 *
 *     cargo build --release --example postgres_c
 *     cc runtime/examples/postgres/c/host.c -Ltarget/release/examples -lpostgres_c \
 *        -Wl,-rpath,$PWD/target/release/examples -o host
 *     ./host postgres://me@localhost/me
 *
 * It checks what it receives, on which thread, and that all memory has come back. Each
 * request has a limit on its time: a server that is silent ends it. */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "postgres.h"

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

enum { QUERIES = 1000, ROWS = 2500, LIMIT = 30000 /* milliseconds */ };

static pthread_t here;
static long blocks, blocks_ever;
static int outstanding;
static bool is_memory_used_up;

static void *allocate(void *user_data, size_t size, size_t align) {
    (void)user_data;
    if (is_memory_used_up)
        return NULL;
    void *block = aligned_alloc(align, (size + align - 1) / align * align);
    blocks += block != NULL;
    blocks_ever += block != NULL;
    return block;
}

static void release(void *user_data, void *block, size_t size, size_t align) {
    (void)user_data, (void)size, (void)align;
    blocks--;
    free(block);
}

/* Ends the program where a request has not ended as it should, and says how. */
static void check(const postgres_result *result, int status, const char *sqlstate) {
    CHECK(pthread_equal(pthread_self(), here));
    outstanding--;
    if (result->status == status && strcmp(result->sqlstate, sqlstate) == 0)
        return;
    fprintf(stderr, "a request ended with status %d, not %d: %s\n", result->status, status,
            result->message != NULL ? result->message : "");
    exit(1);
}

static bool is_text(postgres_value value, const char *text) {
    return value.data != NULL && value.len == strlen(text)
        && memcmp(value.data, text, value.len) == 0;
}

static int64_t number(postgres_value value) {
    int64_t n = 0;
    for (size_t i = 0; i < value.len; i++)
        n = 10 * n + (value.data[i] - '0');
    return n;
}

static void on_statement(void *user_data, const postgres_result *result) {
    check(result, POSTGRES_OK, "");
    *(postgres_statement **)user_data = result->statement;
}

/* In the order in which they were asked for. */
static void on_sum(void *user_data, const postgres_result *result) {
    postgres_value value;
    int64_t *last = user_data;
    check(result, POSTGRES_OK, "");
    CHECK(result->count == 1 && result->columns == 1);
    CHECK(postgres_next_row(result->rows, &value));
    CHECK(number(value) == *last + 1);
    CHECK(!postgres_next_row(result->rows, &value));
    *last += 1;
}

static void on_values(void *user_data, const postgres_result *result) {
    postgres_value values[3];
    check(result, POSTGRES_OK, "");
    CHECK(result->count == 2 && result->columns == 3);
    CHECK(postgres_next_row(result->rows, values));
    CHECK(is_text(values[0], "one") && values[1].data == NULL && is_text(values[2], ""));
    CHECK(postgres_next_row(result->rows, values));
    CHECK(is_text(values[0], "two") && is_text(values[1], "n\xc3\xa4me"));
    (void)user_data; /* the rest need not be read */
}

static void on_changed(void *user_data, const postgres_result *result) {
    check(result, POSTGRES_OK, "");
    CHECK(result->affected == (uint64_t)(uintptr_t)user_data);
}

/* What SQLSTATE it is to have; else it is cancelled, or out of time. */
static void on_refused(void *user_data, const postgres_result *result) {
    check(result, POSTGRES_REFUSED, user_data);
    CHECK(result->message != NULL && result->count == 0);
}

static void on_cancelled(void *user_data, const postgres_result *result) {
    check(result, POSTGRES_CANCELLED, "");
    (void)user_data;
}

static void on_timeout(void *user_data, const postgres_result *result) {
    check(result, POSTGRES_TIMED_OUT, "");
    (void)user_data;
}

/* Rows one by one, up to some. */
struct sum {
    int64_t wanted, seen, sum;
};

static int on_row(void *user_data, const postgres_value *values, size_t columns) {
    struct sum *sum = user_data;
    CHECK(columns == 2 && values[1].len == 100);
    sum->sum += number(values[0]);
    return ++sum->seen == sum->wanted;
}

static void on_rows(void *user_data, const postgres_result *result) {
    const struct sum *sum = user_data;
    check(result, POSTGRES_OK, "");
    CHECK(result->affected == (uint64_t)sum->seen);
}

/* Has the server give up what it does: again, if it had not begun. */
static bool is_asleep;

static void on_woken(void *user_data, const postgres_result *result) {
    is_asleep = false;
    on_refused(user_data, result);
}

static void on_interrupted(void *client, const postgres_result *result) {
    check(result, POSTGRES_OK, "");
    if (is_asleep) {
        CHECK(postgres_interrupt(client, LIMIT, on_interrupted, client) == POSTGRES_OK);
        outstanding++;
    }
}

/* The host's loop. */
static void loop(postgres_context *context, int poller) {
    while (outstanding > 0) {
        struct epoll_event event;
        CHECK(epoll_wait(poller, &event, 1, postgres_context_timeout(context)) >= 0);
        postgres_context_poll(context);
    }
}

static void query(postgres_client *client, const char *text, int timeout_ms,
                  postgres_callback callback, void *user_data, postgres_cancel *cancel) {
    CHECK(postgres_query(client, text, 0, NULL, timeout_ms, callback, user_data, cancel)
          == POSTGRES_OK);
    outstanding++;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "%s postgres://USER:PASSWORD@HOST:PORT/DATABASE\n", argv[0]);
        return 2;
    }
    here = pthread_self();
    postgres_allocator memory = {allocate, release, NULL};
    postgres_context *context = postgres_context_new(&memory);
    CHECK(context != NULL);
    char why[200];
    postgres_client *client = postgres_open(context, argv[1], why, sizeof why);
    if (client == NULL) {
        /* Not the address: there may be a password in it. */
        fprintf(stderr, "%s\n", why);
        return 2;
    }
    int poller = epoll_create1(0);
    struct epoll_event ours = {.events = EPOLLIN};
    CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, postgres_context_fd(context), &ours) == 0);

    /* Values there and back, nulls among them; and how many rows are changed. */
    postgres_value values[] = {{"n\xc3\xa4me", 5}, {NULL, 0}};
    CHECK(postgres_query(client, "select 'one', $2::text, '' union all select 'two', $1, 'x'", 2,
                         values, LIMIT, on_values, NULL, NULL) == POSTGRES_OK);
    outstanding++;
    query(client, "create temporary table t (n int primary key)", LIMIT, on_changed, NULL, NULL);
    query(client, "insert into t values (1), (2)", LIMIT, on_changed, (void *)2, NULL);

    /* What the server refuses; the session goes on. */
    query(client, "insert into t values (1)", LIMIT, on_refused, "23505", NULL);
    query(client, "select nothing", LIMIT, on_refused, "42703", NULL);

    /* Prepared, and then many at once. */
    postgres_statement *plus_one = NULL, *series = NULL;
    CHECK(postgres_prepare(client, "select $1::int + 1", LIMIT, on_statement, &plus_one, NULL)
          == POSTGRES_OK);
    CHECK(postgres_prepare(client, "select n, repeat('x', 100) from generate_series(1, $1::int) n",
                           LIMIT, on_statement, &series, NULL) == POSTGRES_OK);
    outstanding += 2;
    CHECK(outstanding == 7); /* never within the call */
    loop(context, poller);
    CHECK(plus_one != NULL && series != NULL);
    int64_t last = 0;
    for (int i = 0; i < QUERIES; i++) {
        char text[20];
        postgres_value value = {text, (size_t)snprintf(text, sizeof text, "%d", i)};
        CHECK(postgres_execute(client, plus_one, 1, &value, LIMIT, on_sum, &last, NULL)
              == POSTGRES_OK);
        outstanding++;
    }
    loop(context, poller);
    CHECK(last == QUERIES);

    /* Rows one by one: all of them, and some. */
    struct sum all = {.wanted = -1}, some = {.wanted = 10};
    postgres_value rows = {"2500", 4};
    CHECK(postgres_each_row(client, series, 1, &rows, LIMIT, on_row, on_rows, &all, NULL)
          == POSTGRES_OK);
    CHECK(postgres_each_row(client, series, 1, &rows, LIMIT, on_row, on_rows, &some, NULL)
          == POSTGRES_OK);
    outstanding += 2;
    loop(context, poller);
    CHECK(all.seen == ROWS && all.sum == ROWS * (ROWS + 1) / 2);
    CHECK(some.seen == 10 && some.sum == 55);

    /* One runs out of time, one is cancelled; the connection goes on, and in order. */
    postgres_cancel *cancel = postgres_cancel_new();
    query(client, "select pg_sleep(0.1)", 20, on_timeout, NULL, NULL);
    query(client, "select pg_sleep(0.1)", LIMIT, on_cancelled, NULL, cancel);
    postgres_cancel_emit(cancel);
    postgres_value value = {"1000", 4};
    CHECK(postgres_execute(client, plus_one, 1, &value, LIMIT, on_sum, &last, NULL)
          == POSTGRES_OK);
    outstanding++;
    loop(context, poller);
    postgres_cancel_free(cancel);

    /* The server gives up what it does. */
    is_asleep = true;
    query(client, "select pg_sleep(60)", LIMIT, on_woken, "57014", NULL);
    CHECK(postgres_interrupt(client, LIMIT, on_interrupted, client) == POSTGRES_OK);
    outstanding++;
    loop(context, poller);

    /* A request for which there is no memory is not started. */
    is_memory_used_up = true;
    CHECK(postgres_query(client, "select 1", 0, NULL, -1, on_changed, NULL, NULL)
          == POSTGRES_FAILED);
    CHECK(postgres_query(client, "select 1", 0, NULL, LIMIT, on_changed, NULL, NULL)
          == POSTGRES_FAILED);
    is_memory_used_up = false;

    /* Another client has it, too; and nobody waits any more. */
    postgres_client *other = postgres_open(context, argv[1], NULL, 0);
    last = 1000;
    CHECK(postgres_execute(other, plus_one, 1, &value, LIMIT, on_sum, &last, NULL)
          == POSTGRES_OK);
    outstanding++;
    loop(context, poller);
    query(client, "select pg_sleep(60)", LIMIT, on_cancelled, NULL, NULL);
    query(other, "select pg_sleep(60)", LIMIT, on_cancelled, NULL, NULL);
    postgres_statement_free(plus_one);
    postgres_close(client);
    postgres_close(other);
    loop(context, poller);
    postgres_context_free(context);
    postgres_statement_free(series);
    CHECK(blocks == 0);
    close(poller);
    printf("%ld blocks of the host's memory, all returned\n", blocks_ever);
    return 0;
}
