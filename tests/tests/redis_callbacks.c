/* What redis.h says of callbacks and results, and host.c does not use. Says nothing
 * where all is well: the test looks at what is printed. */
#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "redis.h"

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

enum { LIMIT = 10000, CHAIN = 10000 };

static const char *address;
static redis_context *context;
static redis_connection *connection;
static pthread_t poller;

/* The function of the library that this thread is in, but for the poll. */
static _Thread_local const char *inside;

#define IN(function, ...) (inside = #function, function(__VA_ARGS__), inside = NULL)

static long blocks, blocks_ever;
static bool is_memory_used_up;
static pthread_mutex_t counts = PTHREAD_MUTEX_INITIALIZER;

static void *allocate(void *user_data, size_t size, size_t align) {
    CHECK(user_data == &blocks);
    if (is_memory_used_up)
        return NULL;
    pthread_mutex_lock(&counts);
    blocks++;
    blocks_ever++;
    pthread_mutex_unlock(&counts);
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void release(void *user_data, void *block, size_t size, size_t align) {
    CHECK(user_data == &blocks);
    (void)size, (void)align;
    pthread_mutex_lock(&counts);
    blocks--;
    pthread_mutex_unlock(&counts);
    free(block);
}

static redis_connection *opened(const char *place) {
    char why[100] = "";
    redis_connection *it = redis_open(context, place, why, sizeof why);
    if (it == NULL)
        fprintf(stderr, "%s\n", why);
    CHECK(it != NULL);
    return it;
}

static void begin(void) {
    redis_allocator memory = {allocate, release, &blocks};
    context = redis_context_new(&memory);
    CHECK(context != NULL);
    connection = opened(address);
}

static void end(void) {
    IN(redis_close, connection);
    connection = NULL;
    if (context != NULL)
        redis_context_poll(context);
    IN(redis_context_free, context);
    context = NULL;
    CHECK(blocks == 0);
}

static int start(const char *text, int timeout_ms, redis_callback callback, void *user_data,
                 redis_cancel *cancel) {
    const char *words[8];
    size_t lengths[8], count = 0;
    while (*text != '\0' && count < 8) {
        words[count] = text;
        lengths[count] = strcspn(text, " ");
        text += lengths[count++];
        text += *text == ' ';
    }
    inside = "redis_command";
    int status = redis_command(connection, count, words, lengths, timeout_ms, callback,
                               user_data, cancel);
    inside = NULL;
    return status;
}

static long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* One round of a host's loop, which waits `most` milliseconds at most. */
static void round_of(int most) {
    struct pollfd ours = {.fd = redis_context_fd(context), .events = POLLIN};
    int timeout = redis_context_timeout(context);
    poll(&ours, 1, timeout < 0 || timeout > most ? most : timeout);
    redis_context_poll(context);
}

static void until(const int *count, int expected) {
    long deadline = milliseconds() + LIMIT;
    while (context != NULL && *count < expected) {
        CHECK(milliseconds() < deadline);
        round_of(100);
    }
    CHECK(*count == expected);
}

static void pause_for(int time_ms) {
    for (long over = milliseconds() + time_ms; milliseconds() < over;)
        round_of((int)(over - milliseconds()) + 1);
}

/* What has come. */
static int count, status_seen;
static int64_t integer_seen;
static bool was_text;
static char text_seen[1000];

static void note(void *user_data, const redis_result *result) {
    CHECK(inside == NULL);
    CHECK(pthread_equal(pthread_self(), poller));
    (void)user_data;
    status_seen = result->status;
    integer_seen = result->integer;
    was_text = result->data != NULL;
    size_t len = result->len < sizeof text_seen - 1 ? result->len : sizeof text_seen - 1;
    if (was_text)
        memcpy(text_seen, result->data, len);
    text_seen[was_text ? len : 0] = '\0';
    count++;
}

static void ask(const char *text) {
    count = 0;
    CHECK(start(text, LIMIT, note, NULL, NULL) == REDIS_OK);
    until(&count, 1);
}

static void close_it(void *user_data, const redis_result *result) {
    note(user_data, result);
    if (connection != NULL)
        IN(redis_close, connection);
    connection = NULL;
}

/* The first callback closes: the others come, and not inside of that. */
static void closing_in_a_callback(void) {
    begin();
    count = 0;
    CHECK(start("GET callbacks:none", LIMIT, close_it, NULL, NULL) == REDIS_OK);
    for (int i = 0; i < 3; i++)
        CHECK(start("BLPOP callbacks:none 0", LIMIT, close_it, NULL, NULL) == REDIS_OK);
    until(&count, 4);
    CHECK(status_seen == REDIS_CANCELLED);
    end();
}

static redis_cancel *cancels[CHAIN];

static void cancel_next(void *user_data, const redis_result *result) {
    note(user_data, result);
    CHECK(result->status == REDIS_CANCELLED);
    redis_cancel **own = user_data;
    redis_cancel_free(*own);
    if (own + 1 < cancels + CHAIN)
        IN(redis_cancel_emit, own[1]);
}

/* Each callback cancels the next request: that takes no room on the stack. */
static void a_chain_of_cancels(void) {
    begin();
    count = 0;
    /* Keeps the server from answering. */
    CHECK(start("BLPOP callbacks:none 0", -1, note, NULL, NULL) == REDIS_OK);
    for (int i = 0; i < CHAIN; i++) {
        cancels[i] = redis_cancel_new();
        CHECK(start("PING", i % 2 ? LIMIT : -1, cancel_next, &cancels[i], cancels[i]) == REDIS_OK);
    }
    IN(redis_cancel_emit, cancels[0]);
    CHECK(count == 0);
    until(&count, CHAIN);
    end();
    CHECK(count == CHAIN + 1);
}

/* A cancel serves the request that was started last, and while that is under way. */
static void cancelling(void) {
    begin();
    redis_cancel *cancel = redis_cancel_new();
    IN(redis_cancel_emit, cancel);
    count = 0;
    CHECK(start("PING", LIMIT, note, NULL, cancel) == REDIS_OK);
    until(&count, 1);
    CHECK(status_seen == REDIS_OK);

    int first = 0;
    count = 0;
    CHECK(start("BLPOP callbacks:none 0.2", LIMIT, note, &first, cancel) == REDIS_OK);
    CHECK(start("PING", LIMIT, note, NULL, cancel) == REDIS_OK);
    IN(redis_cancel_emit, cancel);
    until(&count, 1);
    CHECK(status_seen == REDIS_CANCELLED);
    redis_cancel_free(cancel);
    until(&count, 2);
    CHECK(status_seen == REDIS_NIL);

    /* Freed while its request is under way. */
    cancel = redis_cancel_new();
    CHECK(start("PING", LIMIT, note, NULL, cancel) == REDIS_OK);
    redis_cancel_free(cancel);
    until(&count, 3);
    CHECK(status_seen == REDIS_OK);
    end();
}

static void poll_and_free(void *user_data, const redis_result *result) {
    note(user_data, result);
    if (count == 1) {
        /* The second callback comes inside of this, and frees the context. */
        until(&count, 2);
        CHECK(context == NULL);
    } else {
        IN(redis_context_free, context);
        context = NULL;
    }
}

/* The context may be freed in a callback; no other comes after that. */
static void freeing_in_a_callback(void) {
    begin();
    count = 0;
    for (int i = 0; i < 2; i++)
        CHECK(start("PING", LIMIT, poll_and_free, NULL, NULL) == REDIS_OK);
    CHECK(start("BLPOP callbacks:none 0", LIMIT, note, NULL, NULL) == REDIS_OK);
    CHECK(start("PING", -1, note, NULL, NULL) == REDIS_OK);
    until(&count, 2);
    CHECK(context == NULL);
    end();
    CHECK(count == 2);
    /* So it is outside. */
    begin();
    CHECK(start("PING", LIMIT, note, NULL, NULL) == REDIS_OK);
    IN(redis_context_free, context);
    context = NULL;
    end();
    CHECK(count == 2);
}

static void *second_thread(void *user_data) {
    redis_cancel *cancel = user_data;
    CHECK(start("PING", -1, note, NULL, NULL) == REDIS_OK);
    CHECK(start("BLPOP callbacks:none 0", 20, note, NULL, NULL) == REDIS_OK);
    CHECK(start("PING", -1, note, NULL, cancel) == REDIS_OK);
    struct timespec while_ = {.tv_nsec = 50000000};
    nanosleep(&while_, NULL);
    IN(redis_cancel_emit, cancel);
    return NULL;
}

/* Requests of another thread wake the one that polls. */
static void from_a_second_thread(void) {
    begin();
    ask("PING");
    redis_cancel *cancel = redis_cancel_new();
    pthread_t second;
    count = 0;
    CHECK(pthread_create(&second, NULL, second_thread, cancel) == 0);
    long before = milliseconds();
    while (count < 3)
        round_of(LIMIT);
    CHECK(status_seen == REDIS_CANCELLED);
    CHECK(milliseconds() - before < LIMIT);
    pthread_join(second, NULL);
    redis_cancel_free(cancel);
    /* So does this thread, between two polls. */
    cancel = redis_cancel_new();
    struct pollfd ours = {.fd = redis_context_fd(context), .events = POLLIN};
    CHECK(start("PING", -1, note, NULL, cancel) == REDIS_OK);
    IN(redis_cancel_emit, cancel);
    CHECK(poll(&ours, 1, LIMIT) == 1);
    until(&count, 4);
    redis_cancel_free(cancel);
    end();
}

static void nothing_is_null(void) {
    begin();
    const char *words[] = {"SET", "callbacks:empty", NULL};
    size_t lengths[] = {3, 15, 0};
    count = 0;
    CHECK(redis_command(connection, 3, words, lengths, LIMIT, note, NULL, NULL) == REDIS_OK);
    until(&count, 1);
    CHECK(status_seen == REDIS_OK);
    ask("GET callbacks:empty");
    CHECK(status_seen == REDIS_OK && was_text && text_seen[0] == '\0');
    ask("DEL callbacks:empty");
    CHECK(redis_command(connection, 0, NULL, NULL, LIMIT, note, NULL, NULL) == REDIS_FAILED);
    end();
}

/* All values have a place, in both versions of the protocol, but for those of several
 * parts. */
static void values(const char *url) {
    begin();
    redis_close(connection);
    connection = opened(url);
    ask("ZADD callbacks:set 1.5 one inf two");
    CHECK(status_seen == REDIS_OK && !was_text && integer_seen == 2);
    ask("ZSCORE callbacks:set one");
    CHECK(status_seen == REDIS_OK && was_text && strcmp(text_seen, "1.5") == 0);
    ask("ZSCORE callbacks:set two");
    CHECK(status_seen == REDIS_OK && was_text && strcmp(text_seen, "inf") == 0);
    ask("ZSCORE callbacks:set none");
    CHECK(status_seen == REDIS_NIL && !was_text);
    ask("INFO clients");
    CHECK(status_seen == REDIS_OK && strncmp(text_seen, "# Clients", 9) == 0);
    ask("PING");
    CHECK(status_seen == REDIS_OK && strcmp(text_seen, "PONG") == 0);
    ask("ZRANGE callbacks:set 0 -1");
    CHECK(status_seen == REDIS_SEVERAL && was_text);
    ask("CONFIG GET port");
    CHECK(status_seen == REDIS_SEVERAL);
    ask("DEL callbacks:set"); /* on the same connection */
    CHECK(status_seen == REDIS_OK && integer_seen == 1);
    ask("NONSENSE");
    CHECK(status_seen == REDIS_REFUSED && was_text);
    end();
}

static void truth(const char *url) {
    begin();
    redis_close(connection);
    connection = opened(url);
    const char *words[] = {"EVAL", "redis.setresp(3); return ARGV[1] == 'yes'", "0", "yes"};
    size_t lengths[] = {4, strlen(words[1]), 1, 3};
    count = 0;
    CHECK(redis_command(connection, 4, words, lengths, LIMIT, note, NULL, NULL) == REDIS_OK);
    until(&count, 1);
    CHECK(status_seen == REDIS_OK && !was_text && integer_seen == 1);
    words[3] = "no";
    lengths[3] = 2;
    CHECK(redis_command(connection, 4, words, lengths, LIMIT, note, NULL, NULL) == REDIS_OK);
    until(&count, 2);
    CHECK(status_seen == REDIS_OK && !was_text && integer_seen == 0);
    end();
}

/* One block for each request; without it there is none, and nothing is said. */
static void memory(void) {
    begin();
    redis_cancel *cancel = redis_cancel_new();
    is_memory_used_up = true;
    for (int timeout_ms = -1; timeout_ms <= 1000; timeout_ms += 1001) {
        CHECK(start("PING", timeout_ms, note, NULL, NULL) == REDIS_FAILED);
        CHECK(start("PING", timeout_ms, note, NULL, cancel) == REDIS_FAILED);
    }
    is_memory_used_up = false;
    IN(redis_cancel_emit, cancel);
    count = 0;
    pause_for(20);
    CHECK(count == 0);
    long before = blocks_ever;
    CHECK(start("PING", LIMIT, note, NULL, NULL) == REDIS_OK);
    CHECK(start("PING", -1, note, NULL, cancel) == REDIS_OK);
    CHECK(start("PING", LIMIT, note, NULL, cancel) == REDIS_OK);
    until(&count, 3);
    CHECK(blocks_ever == before + 3 && blocks == 0);
    redis_cancel_free(cancel);
    end();
}

/* Why there is no connection fits into what there is. */
static void reasons(void) {
    context = redis_context_new(NULL);
    for (size_t size = 0; size < 40; size++) {
        char why[41];
        memset(why, '#', sizeof why);
        CHECK(redis_open(context, "localhost:port", why, size) == NULL);
        for (size_t i = size; i < sizeof why; i++)
            CHECK(why[i] == '#');
        CHECK(size == 0 || memchr(why, '\0', size) != NULL);
    }
    CHECK(redis_open(context, "localhost:port", NULL, 10) == NULL);
    redis_context_free(context);
    redis_context_free(NULL);
    redis_close(NULL);
    redis_cancel_free(NULL);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    char url[200];
    snprintf(url, sizeof url, "redis://%s", argv[1]);
    address = argv[1];
    poller = pthread_self();
    closing_in_a_callback();
    a_chain_of_cancels();
    cancelling();
    freeing_in_a_callback();
    from_a_second_thread();
    nothing_is_null();
    values(url);
    strcat(url, "?protocol=resp3");
    values(url);
    truth(url);
    memory();
    reasons();
    return 0;
}
