/* What may be done in callbacks, of rows too: each case with a context of its own. */
#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres.h"

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

enum { LIMIT = 30000 /* milliseconds */ };

static postgres_context *context;
static postgres_client *client;
static postgres_statement *statement;
static int calls, rows;
static bool is_over;

static void poll_once(void) {
    struct pollfd descriptor = {.fd = postgres_context_fd(context), .events = POLLIN};
    CHECK(poll(&descriptor, 1, postgres_context_timeout(context)) >= 0);
    postgres_context_poll(context);
}

static void run(int wanted) {
    while (calls < wanted && !is_over)
        poll_once();
}

static void on_statement(void *user_data, const postgres_result *result) {
    CHECK(result->status == POSTGRES_OK && result->statement != NULL);
    statement = result->statement;
    calls++;
    (void)user_data;
}

static void begin(const char *url) {
    calls = rows = 0;
    is_over = false;
    context = postgres_context_new(NULL);
    CHECK(context != NULL);
    client = postgres_open(context, url, NULL, 0);
    CHECK(client != NULL);
    CHECK(postgres_prepare(client, "select generate_series(1, $1::int)", LIMIT, on_statement,
                           NULL, NULL) == POSTGRES_OK);
    run(1);
    calls = 0;
}

static void end(void) {
    if (client != NULL)
        postgres_close(client);
    postgres_statement_free(statement);
    if (!is_over)
        postgres_context_free(context);
}

static void on_end(void *user_data, const postgres_result *result) {
    CHECK(result->status == *(int *)user_data);
    calls++;
}

static int on_row(void *user_data, const postgres_value *values, size_t columns) {
    CHECK(columns == 1 && values[0].data != NULL);
    rows++;
    (void)user_data;
    return 0;
}

static void each_row(const char *count, postgres_row_callback row, postgres_callback callback,
                     int *status) {
    postgres_value value = {count, strlen(count)};
    CHECK(postgres_each_row(client, statement, 1, &value, LIMIT, row, callback, status, NULL)
          == POSTGRES_OK);
}

/* A row's callback asks for more rows, and polls. */
static int asks_more(void *user_data, const postgres_value *values, size_t columns) {
    on_row(user_data, values, columns);
    if (rows == 1)
        each_row("3", on_row, on_end, user_data);
    postgres_context_poll(context);
    return 0;
}

/* A row's callback frees the context: nobody is called any more. */
static int frees(void *user_data, const postgres_value *values, size_t columns) {
    on_row(user_data, values, columns);
    postgres_close(client);
    client = NULL;
    postgres_context_free(context);
    is_over = true;
    return 1;
}

/* Rows do not stop when the client is closed: those that have come are shown, and then the
 * callback says that it was cancelled. */
static int closes(void *user_data, const postgres_value *values, size_t columns) {
    on_row(user_data, values, columns);
    if (rows == 1) {
        postgres_close(client);
        client = NULL;
    }
    return 0;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    int ok = POSTGRES_OK, refused = POSTGRES_REFUSED, cancelled = POSTGRES_CANCELLED;

    begin(argv[1]);
    each_row("5", asks_more, on_end, &ok);
    run(2);
    CHECK(rows == 8 && calls == 2);
    /* What the server refuses is no row. */
    each_row("many", on_row, on_end, &refused);
    run(3);
    CHECK(rows == 8);
    end();

    begin(argv[1]);
    each_row("100000", closes, on_end, &cancelled);
    run(1);
    CHECK(rows >= 1 && rows < 100000);
    end();

    begin(argv[1]);
    each_row("100", frees, on_end, &ok);
    run(1);
    CHECK(rows == 1 && calls == 0);
    end();

    /* It goes with what is under way, and so does what is only begun. */
    begin(argv[1]);
    each_row("100", on_row, on_end, &ok);
    postgres_context_free(context);
    is_over = true;
    CHECK(rows == 0 && calls == 0);
    end();
    return 0;
}
